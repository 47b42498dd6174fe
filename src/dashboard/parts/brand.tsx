const ICON = new URL('../icon.svg', import.meta.url).href

/** The name of all this, with its mark. */
export function Brand () {
  return <span class='brand'><img src={ICON} alt='' width='20' height='20' />Meshmark</span>
}
