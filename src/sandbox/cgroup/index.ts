export { BoxGroup } from './group.ts'
export { CgroupHome } from './home.ts'
export type { GroupHandles } from './handles.ts'
