/** How much of what a program was measured beside disturbed it: nothing, little, some, much (docs/accuracy.md). */
export type NoiseGrade = 'A' | 'B' | 'C' | 'D'
