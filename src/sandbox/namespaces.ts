/** Kinds of namespaces in which a box is apart; each is mandatory where the kernel has it. Links of these names are in /proc/PID/ns. */
export const NAMESPACES = ['user', 'mnt', 'pid', 'net', 'ipc', 'uts', 'cgroup'] as const
