/** Times are milliseconds with fractions, on each side's own monotonic-based clock since 1970. */
export interface ClockRequest { sentMs: number }

/** Four-stamp exchange as in NTP (RFC 5905, section 8). */
export interface ClockReply { sentMs: number, receivedMs: number, repliedMs: number }
