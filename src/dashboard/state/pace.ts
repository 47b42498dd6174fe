/**
 * When something that changes all the time is drawn again: at once when it
 * has been at rest, else when the pause is over. Pure.
 */
export function waitToDraw (nowMs: number, drawnMs: number | undefined, pauseMs: number): number {
  return drawnMs == null ? 0 : Math.max(0, Math.min(pauseMs, drawnMs + pauseMs - nowMs))
}
