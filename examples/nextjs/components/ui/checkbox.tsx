'use client';

import { Check } from 'lucide-react';
import { Checkbox as Radix } from 'radix-ui';
import type { ComponentProps } from 'react';

export function Checkbox(props: ComponentProps<typeof Radix.Root>) {
  return (
    <Radix.Root
      className="grid size-6 shrink-0 place-items-center rounded-full border-2 border-control transition-colors hover:border-primary disabled:opacity-60 data-[state=checked]:border-primary data-[state=checked]:bg-primary"
      {...props}
    >
      <Radix.Indicator>
        <Check aria-hidden className="size-4 text-on-primary" strokeWidth={3} />
      </Radix.Indicator>
    </Radix.Root>
  );
}
