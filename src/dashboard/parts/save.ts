/** A file of the browser's own: the address of the request could not bring its token. */
export function save (blob: Blob, name: string): void {
  // nothing that the browser would show as a page of ours
  const url = URL.createObjectURL(new Blob([blob], { type: 'application/octet-stream' }))
  const link = document.createElement('a')

  link.href = url
  link.download = name
  link.click()
  setTimeout(() => { URL.revokeObjectURL(url) }, 60_000)
}
