/**
 * JSON that is safe to print: it leaves DEL, C1 controls and marks of direction
 * as they are, which a terminal would obey, so they are escaped as well. The
 * value read back is the same.
 */
export function toJson (value: unknown, indent?: number): string {
  return JSON.stringify(value, undefined, indent)
    .replace(/[\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g, char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
