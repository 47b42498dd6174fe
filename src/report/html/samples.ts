/** Loaded without the report itself: help and completion list them. `auto`: as long as they fit. */
export const SAMPLE_CHOICES = ['auto', 'all', 'none'] as const

export type Samples = typeof SAMPLE_CHOICES[number]
