/** Below this many times what starting a program costs, a result is more about starting than about the program. A convention. */
export const FLOOR_TIMES = 10

/**
 * Is a median so close to its worker's floor that it says little about the
 * program?
 *
 * @param medianNs - of the program's wall times
 * @param floor - of a program that does nothing, on the same worker; absent = not measured there, nothing is said
 */
export function belowFloor (medianNs: number, floor: { medianNs: number } | undefined): boolean {
  return floor != null && medianNs < FLOOR_TIMES * floor.medianNs
}
