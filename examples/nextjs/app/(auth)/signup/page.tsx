import type { Metadata } from 'next';
import { AuthForm } from '@/components/auth-form';
import { requireGuest } from '@/lib/session';

export const metadata: Metadata = { title: 'Sign up' };

export default async function SignUp() {
  await requireGuest();
  return <AuthForm mode="signup" />;
}
