/** @param kernel - as uname(2) tells it: `6.1.0-18-amd64` */
export function isOlderThan (kernel: string, major: number, minor: number): boolean {
  const [ownMajor = 0, ownMinor = 0] = kernel.split('.').map(part => parseInt(part, 10))

  return ownMajor < major || (ownMajor === major && ownMinor < minor)
}
