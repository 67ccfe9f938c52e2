/** Class names in one string, without those that are not given. */
export const cn = (...names: (string | false | null | undefined)[]) => names.filter(Boolean).join(' ');
