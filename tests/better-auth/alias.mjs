// Module hooks that resolve "@/lib/auth" to lib/auth.js below the registered folder, as Next.js does.
let root;

export function initialize(folder) {
  root = folder;
}

export function resolve(specifier, context, next) {
  return next(specifier.startsWith("@/") ? new URL(`${specifier.slice(2)}.js`, root).href : specifier, context);
}
