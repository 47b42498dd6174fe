import { distribute } from 'meshmark'

const square = distribute(async x => x * x)

console.log(await square(2))
console.log(await Promise.all([3, 4, 5].map(x => square(x))))
