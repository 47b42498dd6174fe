import { printable } from '../../model/text.ts'
import { html, trusted, type Html, type Value } from './markup.ts'

/** Boxes to check; of more, a text finds them. */
export const MAX_TOGGLES = 24

/** Links to those sections that are there. */
export function navigation (sections: readonly Value[]): Html {
  const found = sections.flatMap(section => {
    const [, id, title] = /^<section id="([a-z0-9-]+)"><h2>([^<]+)/.exec(String(section ?? '')) ?? []

    return id == null || title == null ? [] : [html`<li><a href="#${id}">${trusted(title.trim())}</a></li>`]
  })

  return html`<nav aria-label="Sections"><ul>${found}</ul></nav>`
}

/** Boxes that show and hide rows. */
export interface Toggles {
  legend: string
  boxes: Array<{ id: string, selector: string, title: string, swatch?: number }>
}

/** What is shown; a style sheet does it, so that no script is needed. */
export function chips (toggles: readonly Toggles[]): Html {
  return html`<div class="chips">${toggles.map(({ legend, boxes }) => html`<fieldset><legend>${legend}</legend>${boxes.map(({ id, title, swatch }) => html`<label><input type="checkbox" id="${id}" checked>${swatch == null ? '' : html`<i class="swatch c${swatch}"></i>`}<span>${printable(title, 60)}</span></label>`)}</fieldset>`)}
<label class="needs-script find"><span>Find</span> <input type="search" id="find" placeholder="a worker or command"></label></div>`
}
