import { CircleAlert } from 'lucide-react';
import type { ReactNode } from 'react';
import { cn } from '@/lib/cn';

/** Something that must not be overlooked; screen readers say it at once. */
export function Alert({ tone = 'note', children }: { tone?: 'note' | 'danger'; children: ReactNode }) {
  return (
    <div
      role="alert"
      className={cn(
        'flex gap-2.5 rounded-lg p-3 text-sm',
        tone === 'danger' ? 'bg-danger-subtle text-danger' : 'bg-subtle',
      )}
    >
      <CircleAlert aria-hidden className="mt-0.5 size-4 shrink-0" />
      <div className="grow">{children}</div>
    </div>
  );
}
