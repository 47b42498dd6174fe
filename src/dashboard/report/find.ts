/** A text hides every row that does not hold it, in tables and in charts. */
export function setUpFind (): void {
  const input = document.querySelector<HTMLInputElement>('#find')

  input?.addEventListener('input', () => {
    const wanted = input.value.trim().toLowerCase()

    for (const row of document.querySelectorAll<HTMLElement>('[data-w]')) {
      // a drawing has no text of its own
      row.toggleAttribute('data-hidden', wanted !== '' && !(row.textContent ?? '').toLowerCase().includes(wanted))
    }
  })
}
