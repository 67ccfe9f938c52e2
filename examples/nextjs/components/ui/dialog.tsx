'use client';

import { Dialog as Radix } from 'radix-ui';
import type { ReactNode, RefObject } from 'react';

type Props = {
  /** An alert dialog asks before data is lost. A click outside does not close it. */
  alert?: boolean;
  title: string;
  description?: ReactNode;
  focusAfterwards: RefObject<HTMLElement | null>;
  onClose: () => void;
  children: ReactNode;
};

/** A dialog that is open while it is mounted. It keeps the focus inside; Escape closes it. */
export function Dialog({ alert = false, title, description, focusAfterwards, onClose, children }: Props) {
  return (
    <Radix.Root open onOpenChange={(open) => !open && onClose()}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-20 bg-black/50" />
        <Radix.Content
          role={alert ? 'alertdialog' : 'dialog'}
          className="fixed inset-x-4 top-1/2 z-20 mx-auto max-h-[calc(100dvh-2rem)] max-w-md -translate-y-1/2 overflow-y-auto rounded-2xl border bg-card p-6 shadow-xl"
          onCloseAutoFocus={() => focusAfterwards.current?.focus()}
          onInteractOutside={(event) => alert && event.preventDefault()}
          {...(!description && { 'aria-describedby': undefined })}
        >
          <Radix.Title className="text-lg font-semibold">{title}</Radix.Title>
          {description && (
            <Radix.Description className="mt-2 text-sm wrap-anywhere text-muted">{description}</Radix.Description>
          )}
          <div className="mt-5">{children}</div>
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
