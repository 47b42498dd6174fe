/**
 * Counts the tests in the report of vitest's JSON reporter. A file that could
 * not be loaded counts as a failed test, and so does a run that failed without
 * a test to show for it: an unhandled error, a crash.
 */
export function countTests (report, exitCode) {
  if (report == null) {
    return { passed: 0, failed: 1, skipped: 0 }
  }

  const unloaded = report.testResults.filter(({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0).length
  const failed = report.numFailedTests + unloaded

  return {
    passed: report.numPassedTests,
    failed: failed === 0 && exitCode !== 0 ? 1 : failed,
    skipped: report.numPendingTests + report.numTodoTests
  }
}

/** The files that took longest, as `name 12 s`. */
export function slowestFiles (report, count = 6) {
  return (report?.testResults ?? [])
    .map(({ name, startTime, endTime }) => ({ name: name.replace(/^.*\/test\//, '').replace(/\.test\.ts$/, ''), seconds: Math.round((endTime - startTime) / 1000) }))
    .sort((a, b) => b.seconds - a.seconds)
    .slice(0, count)
    .map(({ name, seconds }) => `${name} ${seconds} s`)
}
