import type { Metadata } from 'next';
import { cookies } from 'next/headers';
import { Suspense } from 'react';
import { Logo } from '@/components/logo';
import { TaskBoard } from '@/components/task-board';
import { UserMenu } from '@/components/user-menu';
import { requireUser } from '@/lib/session';

export const metadata: Metadata = { title: 'Your tasks' };

export default async function Dashboard() {
  const user = await requireUser();
  const theme = (await cookies()).get('theme')?.value ?? 'system';
  return (
    <>
      <header className="sticky top-0 z-10 border-b bg-card">
        <div className="mx-auto flex h-16 max-w-3xl items-center justify-between gap-4 px-4 sm:px-6">
          <Logo />
          <UserMenu user={user} theme={theme} />
        </div>
      </header>
      <main className="mx-auto max-w-3xl px-4 pt-8 pb-24 sm:px-6">
        <Suspense>
          <TaskBoard userId={user.id} />
        </Suspense>
      </main>
    </>
  );
}
