'use client';

import { Search, X } from 'lucide-react';
import { useSearchParams } from 'next/navigation';
import { useRef, useState } from 'react';
import { TaskForm } from '@/components/task-form';
import { TaskList } from '@/components/task-list';
import { Button } from '@/components/ui/button';
import { Segments } from '@/components/ui/segments';
import type { Filter, Status } from '@/lib/tasks';

const statuses: Record<Status, string> = { all: 'All', pending: 'Open', completed: 'Done' };

/** The user's tasks. The URL contains filter and search, so that they survive a reload. */
export function TaskBoard({ userId }: { userId: string }) {
  const params = useSearchParams();
  const status = params.get('status');
  const filter: Filter = {
    status: status === 'pending' || status === 'completed' ? status : 'all',
    q: params.get('q') ?? '',
  };
  const [text, setText] = useState(filter.q);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);

  function show(change: Partial<Filter>) {
    const query = new URLSearchParams(window.location.search);
    for (const [key, value] of Object.entries(change)) {
      if (value && value !== 'all') query.set(key, value);
      else query.delete(key);
    }
    window.history.replaceState(null, '', query.size > 0 ? `?${query}` : window.location.pathname);
  }

  /** Searches when the user pauses typing. */
  function search(next: string) {
    setText(next);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => show({ q: next.trim() }), 250);
  }

  return (
    <>
      <h1 className="text-2xl font-semibold tracking-tight">Your tasks</h1>
      <TaskForm userId={userId} />
      <div className="mt-8 flex flex-col gap-3 sm:flex-row sm:items-center sm:justify-between">
        <Segments label="Show" options={statuses} value={filter.status} onChange={(status) => show({ status })} />
        <SearchField value={text} onChange={search} />
      </div>
      <TaskList
        userId={userId}
        filter={filter}
        onShowAll={() => {
          search('');
          show({ status: 'all', q: '' });
        }}
      />
    </>
  );
}

function SearchField({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const input = useRef<HTMLInputElement>(null);

  function clear() {
    onChange('');
    input.current?.focus();
  }

  return (
    <search className="relative sm:w-64">
      <Search aria-hidden className="pointer-events-none absolute inset-y-0 left-3 my-auto size-4 text-muted" />
      <input
        ref={input}
        type="search"
        aria-label="Search tasks"
        placeholder="Search"
        value={value}
        onChange={(event) => onChange(event.target.value)}
        className="h-10 w-full rounded-lg border border-control bg-card pr-10 pl-9 text-base placeholder:text-muted sm:text-sm [&::-webkit-search-cancel-button]:hidden"
      />
      {value && (
        <Button
          variant="ghost"
          size="icon"
          className="absolute inset-y-0 right-0.5 my-auto"
          aria-label="Clear search"
          onClick={clear}
        >
          <X aria-hidden className="size-4" />
        </Button>
      )}
    </search>
  );
}
