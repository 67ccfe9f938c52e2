'use client';

import { Plus } from 'lucide-react';
import { type SubmitEvent, useId, useRef, useState } from 'react';
import { Button } from '@/components/ui/button';
import { type Draft, useAddTask } from '@/lib/tasks';

const nothing = { title: '', description: '' };

/** A form that adds a task. If that fails, the text returns to the fields, provided that they are still empty. */
export function TaskForm({ userId }: { userId: string }) {
  const [{ title, description }, setDraft] = useState(nothing);
  const [missing, setMissing] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const fault = useId();
  const add = useAddTask(userId, (lost: Draft) =>
    setDraft((now) => (now.title ? now : { title: lost.title, description: lost.description ?? '' })),
  );

  function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault();
    input.current?.focus();
    setMissing(!title.trim());
    if (!title.trim()) return;
    add({ title: title.trim(), description: description.trim() || null });
    setDraft(nothing);
  }

  return (
    <form
      onSubmit={submit}
      aria-label="New task"
      noValidate
      className="mt-5 rounded-2xl border bg-card p-3 shadow-sm transition-colors focus-within:border-primary"
    >
      <input
        ref={input}
        value={title}
        onChange={(event) => setDraft({ title: event.target.value, description })}
        aria-label="Title"
        aria-invalid={missing && !title ? true : undefined}
        aria-describedby={missing && !title ? fault : undefined}
        placeholder="What is there to do?"
        maxLength={200}
        required
        className="h-10 w-full bg-transparent px-2 text-base font-medium outline-none placeholder:font-normal placeholder:text-muted"
      />
      <textarea
        value={description}
        onChange={(event) => setDraft({ title, description: event.target.value })}
        aria-label="Description"
        placeholder="Description (optional)"
        maxLength={1000}
        rows={1}
        className="field-sizing-content block max-h-40 w-full resize-none bg-transparent px-2 py-1 text-base outline-none placeholder:text-muted sm:text-sm"
      />
      <div className="mt-2 flex items-center justify-between gap-3 pl-2">
        <p id={fault} role="status" className="text-sm text-danger">
          {missing && !title && 'Please give the task a title.'}
        </p>
        <Button type="submit">
          <Plus aria-hidden className="size-4" />
          Add task
        </Button>
      </div>
    </form>
  );
}
