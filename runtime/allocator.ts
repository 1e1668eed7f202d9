/**
 * Memory in pages of 2 MB for processes that compute: tensors come and go by the hundred megabytes, and most of what the
 * kernel does for them is handing out pages. glibc reads this at the start of a process; others pass it over.
 */
export const allocatorEnvironment = { GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1' } as const;
