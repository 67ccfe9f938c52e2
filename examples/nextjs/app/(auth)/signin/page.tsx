import type { Metadata } from 'next';
import { AuthForm } from '@/components/auth-form';
import { requireGuest } from '@/lib/session';

export const metadata: Metadata = { title: 'Sign in' };

export default async function SignIn({ searchParams }: PageProps<'/signin'>) {
  await requireGuest();
  const { expired } = await searchParams;
  return (
    <AuthForm
      mode="signin"
      {...(expired !== undefined && { notice: 'Your session has expired. Please sign in again.' })}
    />
  );
}
