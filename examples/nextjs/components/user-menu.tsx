'use client';

import { Check, ChevronDown, LogOut, Monitor, Moon, Sun } from 'lucide-react';
import { DropdownMenu } from 'radix-ui';
import { useEffect, useState } from 'react';
import { toast } from 'sonner';
import { authClient } from '@/lib/auth-client';
import { leaveExpired, signOut } from '@/lib/sign-out';

const themes = { system: ['As the system', Monitor], light: ['Light', Sun], dark: ['Dark', Moon] } as const;

const item = 'flex h-10 items-center gap-2.5 rounded-lg px-2.5 text-sm outline-none data-highlighted:bg-subtle';

/** Detects that another user signed in, in another tab. Reading the session also renews its cookie. */
function useSessionOf(id: string) {
  const { data, isPending, error } = authClient.useSession();
  const present = data?.user.id;
  useEffect(() => {
    if (isPending || error || present === id) return;
    if (present) location.reload();
    else void leaveExpired();
  }, [isPending, error, present, id]);
}

/** The signed-in user, the color theme, and sign-out. */
export function UserMenu({ user, theme }: { user: { id: string; name: string; email: string }; theme: string }) {
  const { id, name, email } = user;
  useSessionOf(id);
  const [chosen, setChosen] = useState(theme);

  function choose(next: string) {
    setChosen(next);
    // biome-ignore lint/suspicious/noDocumentCookie: not all browsers have the Cookie Store API yet
    document.cookie = `theme=${next}; path=/; max-age=${365 * 24 * 60 * 60}; samesite=lax`;
    document.documentElement.dataset.theme = next;
  }

  async function leave() {
    await signOut().catch(() => toast.error('You are still signed in', { description: 'Please try again.' }));
  }

  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger className="group -mr-1.5 flex min-w-0 items-center gap-2.5 rounded-lg p-1.5 text-left text-sm hover:bg-subtle">
        <span
          aria-hidden
          className="grid size-8 shrink-0 place-items-center rounded-full bg-subtle font-semibold uppercase group-hover:bg-card"
        >
          {[...name][0]}
        </span>
        <span className="min-w-0">
          <span className="block truncate font-medium">{name}</span>
          <span className="block truncate text-xs text-muted">{email}</span>
        </span>
        <ChevronDown aria-hidden className="size-4 shrink-0 text-muted" />
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content
          align="end"
          sideOffset={6}
          className="z-20 w-56 rounded-xl border bg-card p-1.5 shadow-lg"
        >
          <DropdownMenu.Label className="px-2.5 pt-1.5 pb-1 text-xs font-medium text-muted">
            Appearance
          </DropdownMenu.Label>
          <DropdownMenu.RadioGroup value={chosen} onValueChange={choose}>
            {Object.entries(themes).map(([value, [label, Icon]]) => (
              <DropdownMenu.RadioItem
                key={value}
                value={value}
                className={item}
                onSelect={(event) => event.preventDefault()}
              >
                <Icon aria-hidden className="size-4 text-muted" />
                <span className="grow">{label}</span>
                <DropdownMenu.ItemIndicator>
                  <Check aria-hidden className="size-4" />
                </DropdownMenu.ItemIndicator>
              </DropdownMenu.RadioItem>
            ))}
          </DropdownMenu.RadioGroup>
          <DropdownMenu.Separator className="my-1.5 h-px bg-border" />
          <DropdownMenu.Item className={item} onSelect={leave}>
            <LogOut aria-hidden className="size-4 text-muted" />
            Sign out
          </DropdownMenu.Item>
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}
