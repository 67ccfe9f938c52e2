import type { ReactNode } from 'react';
import { Logo } from '@/components/logo';

export default function AuthLayout({ children }: { children: ReactNode }) {
  return (
    <div className="mx-auto flex min-h-dvh w-full max-w-sm flex-col justify-center gap-8 px-5 py-10">
      <header className="flex justify-center text-lg">
        <Logo />
      </header>
      <main className="rounded-2xl border bg-card p-6 shadow-sm sm:p-8">{children}</main>
    </div>
  );
}
