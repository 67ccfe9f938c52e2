// "@/lib/auth" is lib/auth.js below the folder that is registered with these hooks, as in a Next.js app.
let root;

export function initialize(folder) {
  root = folder;
}

export function resolve(specifier, context, next) {
  return next(specifier.startsWith("@/") ? new URL(`${specifier.slice(2)}.js`, root).href : specifier, context);
}
