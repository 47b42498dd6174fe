import { percentText, verdictWord } from '../comparison-words.ts'
import { html, type Html } from './markup.ts'
import type { Comparison } from '../../model/comparison.ts'

/** How to read what stands above, for whoever is sent the file and has never seen one. */
export function guideSection (comparison: Comparison | undefined, isMeasured: boolean): Html {
  return html`<section id="guide"><h2>How to read this</h2>
<dl class="guide">${comparison == null ? '' : verdicts(comparison)}${isMeasured ? measured() : handedOut()}</dl></section>`
}

function verdicts ({ margin, metric }: Comparison): Html {
  const word = (verdict: 'faster' | 'slower'): string => verdictWord(verdict, metric)

  return html`<dt>ratio</dt><dd>Both commands ran in turns on the same machine, in random order. The ratio is that of runs next to each other (the Hodges–Lehmann estimate of the paired logarithms); 1.05 means 5 % more than the first command.</dd>
<dt class="v-equivalent"><span class="verdict-word">equivalent</span></dt><dd>The whole 95 % interval lies within the margin of ± ${percentText(margin)}: whatever difference there is does not matter.</dd>
<dt class="v-faster"><span class="verdict-word">${word('faster')}</span></dt><dd>The interval is wholly below 1.</dd>
<dt class="v-slower"><span class="verdict-word">${word('slower')}</span></dt><dd>The interval is wholly above 1.</dd>
<dt class="v-undecided"><span class="verdict-word">undecided</span></dt><dd>The interval holds 1 and reaches beyond the margin: these runs cannot tell. More of them may. It does not mean that both are the same.</dd>
<dt>these machines</dt><dd>The mean over the machines of this job, each counted once. <b>Machines like these</b>, given from five machines on, says what to expect of other machines of the same kind.</dd>
<dt>regression</dt><dd>Slower by more than the threshold that was asked for, and beyond doubt: corrected for the number of machines and comparisons.</dd>`
}

function measured (): Html {
  return html`<dt>median ± 95 %</dt><dd>Half of the runs took less, half more. The interval says how well this session knows that median, from six runs on; it takes into account that neighbouring runs resemble each other. No digit is shown that the interval does not support.</dd>
<dt>CPU time, memory</dt><dd>Of all processes of a run together, as the kernel bills them. A program that uses several cores has more CPU time than time by the clock.</dd>
<dt>noise</dt><dd><b>A</b> quiet, <b>B</b> hardly disturbed, <b>C</b> disturbed, <b>D</b> heavily disturbed: other processes, waiting for a core, throttling, swapping, a hypervisor that took time away. Do not rely on small differences where it is C or D.</dd>
<dt>outliers</dt><dd>Runs far from all others are counted and kept: every figure holds every run.</dd>
<dt>sandbox</dt><dd>Every run began with a fresh copy of its files in a box without a network, without other processes and with limits. Setting it up is not in the times.</dd>`
}

function handedOut (): Html {
  return html`<dt>time</dt><dd>By the clock, of one run. Nothing was repeated and nothing waited for a quiet machine: these times are no measurement.</dd>
<dt>failed, over a limit, lost</dt><dd>The program ended with another status than 0; it met a limit, which is named; its worker has not been heard of since. None of them is run again unless the job says so.</dd>`
}
