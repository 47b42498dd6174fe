/** Dark modules as one path, a rectangle for those that are side by side. */
export function modulesPath (rows: ReadonlyArray<readonly boolean[]>): string {
  return rows.map((row, y) => {
    let path = ''

    for (let x = 0; x < row.length; x++) {
      const from = x

      while (row[x] === true) {
        x++
      }

      path += x > from ? `M${from} ${y}h${x - from}v1h${from - x}z` : ''
    }

    return path
  }).join('')
}
