'use client';

import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { Toaster } from 'sonner';
import { isUnavailable } from '@/lib/api';
import { leaveExpired } from '@/lib/sign-out';
import { SessionExpired } from '@/lib/token';

function onError(error: Error) {
  if (error instanceof SessionExpired) void leaveExpired();
}

/** Without a network, requests fail with an error instead of waiting. */
function makeQueryClient() {
  return new QueryClient({
    queryCache: new QueryCache({ onError }),
    mutationCache: new MutationCache({ onError }),
    defaultOptions: {
      queries: {
        networkMode: 'always',
        refetchOnReconnect: true,
        staleTime: 10_000,
        retry: (failures, error) => failures < 1 && isUnavailable(error),
      },
      mutations: { networkMode: 'always' },
    },
  });
}

export function Providers({ children }: { children: ReactNode }) {
  const [queryClient] = useState(makeQueryClient);
  return (
    <QueryClientProvider client={queryClient}>
      {children}
      <Toaster
        position="bottom-center"
        toastOptions={{
          unstyled: true,
          classNames: {
            toast: 'flex w-full items-center gap-3 rounded-xl border bg-card p-4 text-sm shadow-lg sm:w-(--width)',
            icon: 'text-danger',
            content: 'grow',
            title: 'font-medium wrap-anywhere',
            description: 'text-muted',
            actionButton: 'shrink-0 rounded-lg bg-subtle px-3 py-1.5 font-medium',
          },
        }}
      />
    </QueryClientProvider>
  );
}
