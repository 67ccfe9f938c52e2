import { LoaderCircle } from 'lucide-react';
import Link from 'next/link';
import type { ComponentProps } from 'react';
import { cn } from '@/lib/cn';

const base =
  'inline-flex shrink-0 items-center justify-center gap-2 rounded-lg text-sm font-medium whitespace-nowrap transition-colors disabled:opacity-60';
const variants = {
  primary: 'bg-primary text-on-primary hover:bg-primary-hover',
  secondary: 'border bg-card text-foreground hover:bg-subtle',
  ghost: 'text-muted hover:bg-subtle hover:text-foreground',
  danger: 'bg-danger text-on-primary hover:bg-danger-hover',
};
const sizes = { normal: 'h-10 px-4', icon: 'size-9' };

type Look = { variant?: keyof typeof variants; size?: keyof typeof sizes };

/** A button. `pending` means that its action is running. */
export function Button({
  variant = 'primary',
  size = 'normal',
  pending = false,
  type = 'button',
  className,
  children,
  ...props
}: ComponentProps<'button'> & Look & { pending?: boolean }) {
  return (
    <button
      type={type}
      disabled={pending || props.disabled}
      className={cn(base, variants[variant], sizes[size], className)}
      {...props}
    >
      {pending && <LoaderCircle aria-hidden className="size-4 animate-spin" />}
      {children}
    </button>
  );
}

export function LinkButton({
  variant = 'primary',
  size = 'normal',
  className,
  ...props
}: ComponentProps<typeof Link> & Look) {
  return <Link className={cn(base, variants[variant], sizes[size], className)} {...props} />;
}
