import { defaultLogger } from '@libp2p/logger'
import type { ComponentLogger, Logger } from '@libp2p/interface'

const QUIET: Logger = Object.assign(() => {}, { enabled: false, error: () => {}, trace: () => {}, newScope: () => QUIET })

/**
 * What libp2p says for those who develop it (DEBUG=libp2p*). As it comes it makes
 * a logger for every connection and stream, heard or not, and asks the terminal
 * each time whether it has colours: a twentieth of what a handshake costs.
 */
export function libp2pLogger (): ComponentLogger {
  return process.env.DEBUG == null ? { forComponent: () => QUIET } : defaultLogger()
}
