/** Joins class names, without the missing ones. */
export const cn = (...names: (string | false | null | undefined)[]) => names.filter(Boolean).join(' ');
