import { CircleAlert } from 'lucide-react';
import { type ComponentProps, type ReactNode, useId } from 'react';
import { cn } from '@/lib/cn';

const control =
  'w-full rounded-lg border border-control bg-card px-3 text-base placeholder:text-muted aria-invalid:border-danger sm:text-sm';

type Parts = { label: string; hint?: string | undefined; error?: string | undefined };

/** An input with its label and its error. */
export function Field({ label, hint, error, children, className, ...props }: ComponentProps<'input'> & Parts) {
  const id = useId();
  return (
    <Labelled id={id} label={label} hint={hint} error={error}>
      <div className="relative">
        <input id={id} {...described(id, hint, error)} className={cn(control, 'h-11 sm:h-10', className)} {...props} />
        {children}
      </div>
    </Labelled>
  );
}

export function TextArea({ label, hint, error, className, ...props }: ComponentProps<'textarea'> & Parts) {
  const id = useId();
  return (
    <Labelled id={id} label={label} hint={hint} error={error}>
      <textarea id={id} {...described(id, hint, error)} className={cn(control, 'block py-2', className)} {...props} />
    </Labelled>
  );
}

function described(id: string, hint?: string, error?: string) {
  const by = cn(error && `${id}-error`, hint && `${id}-hint`);
  return { 'aria-invalid': error ? true : undefined, 'aria-describedby': by || undefined };
}

function Labelled({ id, label, hint, error, children }: { id: string; children: ReactNode } & Parts) {
  return (
    <div className="grid gap-1.5">
      <label htmlFor={id} className="text-sm font-medium">
        {label}
      </label>
      {children}
      {error && (
        <p id={`${id}-error`} className="flex gap-1.5 text-sm text-danger">
          <CircleAlert aria-hidden className="mt-0.5 size-4 shrink-0" />
          {error}
        </p>
      )}
      {hint && (
        <p id={`${id}-hint`} className="text-sm text-muted">
          {hint}
        </p>
      )}
    </div>
  );
}
