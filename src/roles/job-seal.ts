/** Domain of the seal that a client puts around its job. */
export const JOB_DOMAIN = 'meshmark/job'
