/** The architectures of workers, as libseccomp and the kernel number them: AUDIT_ARCH_* in linux/audit.h. */
export const ARCHITECTURES = { x64: 0xc000003e, arm64: 0xc00000b7 } as const

export type Architecture = keyof typeof ARCHITECTURES

/**
 * Numbers of calls that libseccomp may be too old to know by name. From 424 on
 * a call has the same number on every 64-bit architecture.
 * Source: scripts/syscall.tbl and arch/x86/entry/syscalls/syscall_64.tbl of Linux 7.1.
 */
const EVERYWHERE: Record<string, number> = {
  pidfd_send_signal: 424,
  io_uring_setup: 425,
  io_uring_enter: 426,
  io_uring_register: 427,
  open_tree: 428,
  move_mount: 429,
  fsopen: 430,
  fsconfig: 431,
  fsmount: 432,
  fspick: 433,
  pidfd_open: 434,
  clone3: 435,
  close_range: 436,
  openat2: 437,
  pidfd_getfd: 438,
  faccessat2: 439,
  process_madvise: 440,
  epoll_pwait2: 441,
  mount_setattr: 442,
  quotactl_fd: 443,
  landlock_create_ruleset: 444,
  landlock_add_rule: 445,
  landlock_restrict_self: 446,
  memfd_secret: 447,
  process_mrelease: 448,
  futex_waitv: 449,
  set_mempolicy_home_node: 450,
  cachestat: 451,
  fchmodat2: 452,
  map_shadow_stack: 453,
  futex_wake: 454,
  futex_wait: 455,
  futex_requeue: 456,
  statmount: 457,
  listmount: 458,
  lsm_get_self_attr: 459,
  lsm_set_self_attr: 460,
  lsm_list_modules: 461,
  mseal: 462,
  setxattrat: 463,
  getxattrat: 464,
  listxattrat: 465,
  removexattrat: 466,
  open_tree_attr: 467,
  file_getattr: 468,
  file_setattr: 469,
  listns: 470,
  rseq_slice_yield: 471
}

const ONLY_X64: Record<string, number> = { uretprobe: 335, uprobe: 336 }

/** The number of a call that may be younger than libseccomp; undefined for all others. */
export function newerCallNumber (architecture: Architecture, call: string): number | undefined {
  return EVERYWHERE[call] ?? (architecture === 'x64' ? ONLY_X64[call] : undefined)
}
