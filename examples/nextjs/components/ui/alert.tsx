import { CircleAlert } from 'lucide-react';
import type { ReactNode } from 'react';
import { cn } from '@/lib/cn';

type Props = { tone?: 'note' | 'danger'; action?: ReactNode; children: ReactNode };

/** An important message, which screen readers announce immediately. */
export function Alert({ tone = 'note', action, children }: Props) {
  const colours = tone === 'danger' ? 'bg-danger-subtle text-danger' : 'bg-subtle';
  return (
    <div
      role="alert"
      className={cn('flex flex-wrap items-center justify-between gap-3 rounded-lg p-3 text-sm', colours)}
    >
      <div className="flex gap-2.5">
        <CircleAlert aria-hidden className="mt-0.5 size-4 shrink-0" />
        <p>{children}</p>
      </div>
      {action}
    </div>
  );
}
