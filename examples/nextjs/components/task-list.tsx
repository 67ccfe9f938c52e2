'use client';

import { CircleAlert, ListChecks, RotateCw, SearchX } from 'lucide-react';
import { type ReactNode, useRef, useState } from 'react';
import { DeleteDialog, EditDialog } from '@/components/task-dialogs';
import { rowId, TaskItem } from '@/components/task-item';
import { Alert } from '@/components/ui/alert';
import { Button } from '@/components/ui/button';
import { explain, type Task } from '@/lib/api';
import { cn } from '@/lib/cn';
import { type Filter, useCompleteTask, useTasks } from '@/lib/tasks';
import { SessionExpired } from '@/lib/token';

type Props = { userId: string; filter: Filter; onShowAll: () => void };

/** The tasks that match the filter, or the reason why none are shown. */
export function TaskList({ userId, filter, onShowAll }: Props) {
  const query = useTasks(userId, filter);
  const complete = useCompleteTask(userId);
  const [dialog, setDialog] = useState<{ kind: 'edit' | 'delete'; task: Task }>();
  const focusAfterwards = useRef<HTMLElement>(null);
  const count = useRef<HTMLParagraphElement>(null);

  // On 401, the sign-in page is about to load.
  if (query.isPending || query.error instanceof SessionExpired) return <Skeleton />;

  const retry = (
    <Button variant="secondary" pending={query.isFetching} onClick={() => query.refetch()}>
      {!query.isFetching && <RotateCw aria-hidden className="size-4" />}
      Try again
    </Button>
  );
  if (!query.data) {
    return (
      <Notice role="alert" icon={CircleAlert} title="Your tasks could not be loaded" text={explain(query.error)}>
        {retry}
      </Notice>
    );
  }

  /** Moves the keyboard focus when a task leaves the list. */
  function neighbour(task: Task) {
    const row = document.getElementById(rowId(task));
    const next = row?.nextElementSibling ?? row?.previousElementSibling;
    return next?.querySelector<HTMLElement>('[role=checkbox]') ?? count.current;
  }

  function open(kind: 'edit' | 'delete', task: Task) {
    focusAfterwards.current = document.activeElement as HTMLElement;
    setDialog({ kind, task });
  }

  const close = () => setDialog(undefined);
  const tasks = query.data.pages.flatMap((page) => page.tasks);
  const total = query.data.pages[0]?.total ?? 0;
  return (
    <>
      {query.isRefetchError && (
        <div className="mt-4">
          <Alert tone="danger" action={retry}>
            {explain(query.error)} You see what was there last.
          </Alert>
        </div>
      )}
      {tasks.length === 0 ? (
        <Empty filter={filter} onShowAll={onShowAll} />
      ) : (
        <ul
          aria-label="Tasks"
          aria-busy={query.isPlaceholderData}
          className="mt-4 divide-y overflow-hidden rounded-2xl border bg-card shadow-sm transition-opacity aria-busy:opacity-60"
        >
          {tasks.map((task) => (
            <TaskItem
              key={task.id}
              task={task}
              onComplete={(completed) => {
                if (filter.status !== 'all') neighbour(task)?.focus();
                complete({ task, completed });
              }}
              onEdit={() => open('edit', task)}
              onDelete={() => open('delete', task)}
            />
          ))}
        </ul>
      )}
      <div className="mt-3 flex min-h-10 items-center justify-between gap-3 px-1">
        <p
          ref={count}
          tabIndex={-1}
          role="status"
          className={cn('text-sm text-muted', tasks.length === 0 && 'sr-only')}
        >
          {total === 1 ? '1 task' : `${total} tasks`}
        </p>
        {query.hasNextPage && (
          <Button variant="secondary" pending={query.isFetchingNextPage} onClick={() => query.fetchNextPage()}>
            Show more
          </Button>
        )}
      </div>
      {dialog?.kind === 'edit' && (
        <EditDialog userId={userId} task={dialog.task} focusAfterwards={focusAfterwards} onClose={close} />
      )}
      {dialog?.kind === 'delete' && (
        <DeleteDialog
          userId={userId}
          task={dialog.task}
          focusAfterwards={focusAfterwards}
          onDelete={() => {
            focusAfterwards.current = neighbour(dialog.task);
          }}
          onClose={close}
        />
      )}
    </>
  );
}

function Empty({ filter: { status, q }, onShowAll }: { filter: Filter; onShowAll: () => void }) {
  const showAll = (
    <Button variant="secondary" onClick={onShowAll}>
      Show all tasks
    </Button>
  );
  if (q) {
    return (
      <Notice icon={SearchX} title="No task found" text={`Nothing matches “${q}”.`}>
        {showAll}
      </Notice>
    );
  }
  switch (status) {
    case 'all':
      return <Notice icon={ListChecks} title="No tasks yet" text="Add your first one above." />;
    case 'pending':
      return (
        <Notice icon={ListChecks} title="Nothing is open" text="All that was to do is done.">
          {showAll}
        </Notice>
      );
    case 'completed':
      return (
        <Notice icon={ListChecks} title="Nothing is done yet" text="What you tick off is kept here.">
          {showAll}
        </Notice>
      );
  }
}

type NoticeProps = { role?: 'alert'; icon: typeof ListChecks; title: string; text: string; children?: ReactNode };

function Notice({ role, icon: Icon, title, text, children }: NoticeProps) {
  return (
    <div
      role={role}
      className="mt-4 grid justify-items-center gap-1 rounded-2xl border border-dashed px-6 py-12 text-center"
    >
      <Icon aria-hidden className="mb-2 size-8 text-muted" strokeWidth={1.5} />
      <p className="font-medium">{title}</p>
      <p className="text-sm wrap-anywhere text-muted">{text}</p>
      {children && <div className="mt-4">{children}</div>}
    </div>
  );
}

function Skeleton() {
  return (
    <div role="status" className="mt-4 divide-y rounded-2xl border bg-card shadow-sm">
      <span className="sr-only">Loading your tasks</span>
      {['w-2/5', 'w-3/5', 'w-1/3'].map((width) => (
        <div key={width} aria-hidden className="flex motion-safe:animate-pulse items-center gap-3.5 p-4">
          <div className="size-6 rounded-full bg-subtle" />
          <div className="grid grow gap-2">
            <div className={`h-4 rounded bg-subtle ${width}`} />
            <div className="h-3 w-24 rounded bg-subtle" />
          </div>
        </div>
      ))}
    </div>
  );
}
