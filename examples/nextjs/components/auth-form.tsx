'use client';

import { Eye, EyeOff } from 'lucide-react';
import Link from 'next/link';
import { useRouter } from 'next/navigation';
import { useActionState, useEffect, useRef, useState } from 'react';
import { Alert } from '@/components/ui/alert';
import { Button } from '@/components/ui/button';
import { Field } from '@/components/ui/field';
import { authClient } from '@/lib/auth-client';

type Mode = 'signin' | 'signup';
type Values = { name: string; email: string; password: string };
type Faults = { [field in keyof Values | 'form']?: string };
type State = { values: Values; faults: Faults };

const texts = {
  signin: { title: 'Welcome back', submit: 'Sign in', other: 'New here?', link: 'Create an account', href: '/signup' },
  signup: {
    title: 'Create your account',
    submit: 'Sign up',
    other: 'Have an account?',
    link: 'Sign in',
    href: '/signin',
  },
} as const;

/** The form for sign-up and sign-in. `notice` is shown before the first attempt. */
export function AuthForm({ mode, notice }: { mode: Mode; notice?: string }) {
  const router = useRouter();
  const [{ values, faults }, submit, pending] = useActionState<State, FormData>(
    async (_, data) => {
      const values = read(data);
      const faults = check(values, mode);
      if (Object.keys(faults).length > 0) return { values, faults };
      const refused = await send(values, mode);
      if (!refused) router.replace('/dashboard');
      return { values, faults: refused ?? {} };
    },
    { values: { name: '', email: '', password: '' }, faults: {} },
  );

  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    if (Object.keys(faults).length > 0) form.current?.querySelector<HTMLElement>('[aria-invalid]')?.focus();
  }, [faults]);

  const { title, other, link, href } = texts[mode];
  return (
    <form ref={form} action={submit} noValidate className="grid gap-5">
      <h1 className="text-2xl font-semibold tracking-tight">{title}</h1>
      {faults.form ? <Alert tone="danger">{faults.form}</Alert> : notice && !pending && <Alert>{notice}</Alert>}
      {mode === 'signup' && (
        <Field
          label="Name"
          name="name"
          autoComplete="name"
          maxLength={100}
          required
          defaultValue={values.name}
          error={faults.name}
        />
      )}
      <Field
        label="E-mail"
        name="email"
        type="email"
        autoComplete="email"
        maxLength={254}
        required
        defaultValue={values.email}
        error={faults.email}
      />
      <Password mode={mode} value={values.password} error={faults.password} />
      <Button type="submit" pending={pending} className="h-11">
        {texts[mode].submit}
      </Button>
      <p className="text-center text-sm text-muted">
        {other}{' '}
        <Link href={href} className="font-medium text-primary underline underline-offset-4">
          {link}
        </Link>
      </p>
    </form>
  );
}

function Password({ mode, value, error }: { mode: Mode; value: string; error: string | undefined }) {
  const [shown, setShown] = useState(false);
  const Icon = shown ? EyeOff : Eye;
  return (
    <Field
      label="Password"
      name="password"
      type={shown ? 'text' : 'password'}
      autoComplete={mode === 'signup' ? 'new-password' : 'current-password'}
      maxLength={128}
      required
      defaultValue={value}
      error={error}
      hint={mode === 'signup' && !error ? 'At least 8 characters.' : undefined}
      className="pr-11"
    >
      <Button
        variant="ghost"
        size="icon"
        className="absolute inset-y-0 right-0.5 my-auto"
        aria-label="Show password"
        aria-pressed={shown}
        onClick={() => setShown(!shown)}
      >
        <Icon aria-hidden className="size-4.5" />
      </Button>
    </Field>
  );
}

function read(data: FormData): Values {
  const text = (name: string) => String(data.get(name) ?? '');
  return { name: text('name').trim(), email: text('email').trim(), password: text('password') };
}

function check({ name, email, password }: Values, mode: Mode): Faults {
  const faults: Faults = {};
  if (mode === 'signup' && !name) faults.name = 'Please enter your name.';
  if (!/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(email))
    faults.email = 'Please enter an e-mail address, such as ada@example.com.';
  if (!password) faults.password = 'Please enter a password.';
  else if (mode === 'signup' && password.length < 8) faults.password = 'The password needs at least 8 characters.';
  return faults;
}

/** Returns the auth server's error message, or nothing if the user is signed in. */
async function send({ name, email, password }: Values, mode: Mode): Promise<Faults | undefined> {
  const call =
    mode === 'signup'
      ? authClient.signUp.email({ name, email, password })
      : authClient.signIn.email({ email, password });
  const { error } = await call.catch(() => ({ error: { status: 0, code: undefined, message: undefined } }));
  if (!error) return undefined;
  switch (error.code) {
    case 'INVALID_EMAIL_OR_PASSWORD':
      return { form: 'E-mail or password is wrong.' };
    case 'USER_ALREADY_EXISTS':
    case 'USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL':
      return { email: 'There is an account with this e-mail address. Sign in instead?' };
    case 'INVALID_EMAIL':
      return { email: 'This e-mail address is not accepted.' };
    case 'PASSWORD_TOO_SHORT':
    case 'PASSWORD_TOO_LONG':
      return { password: `${error.message}.` };
  }
  if (error.status === 429) return { form: 'Too many tries. Please wait a moment, then try again.' };
  if (error.status >= 400 && error.status < 500 && error.message) return { form: error.message };
  return { form: 'The server cannot be reached right now. Please try again in a moment.' };
}
