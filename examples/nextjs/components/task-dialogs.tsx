'use client';

import { type RefObject, type SubmitEvent, useState } from 'react';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { Field, TextArea } from '@/components/ui/field';
import type { Task } from '@/lib/api';
import { useDeleteTask, useUpdateTask } from '@/lib/tasks';

type Props = { userId: string; task: Task; focusAfterwards: RefObject<HTMLElement | null>; onClose: () => void };

export function EditDialog({ userId, task, focusAfterwards, onClose }: Props) {
  const [missing, setMissing] = useState(false);
  const update = useUpdateTask(userId);

  function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    const text = (name: string) => String(data.get(name)).trim();
    setMissing(!text('title'));
    if (!text('title')) return;
    update({ task, draft: { title: text('title'), description: text('description') || null } });
    onClose();
  }

  return (
    <Dialog title="Edit task" focusAfterwards={focusAfterwards} onClose={onClose}>
      <form onSubmit={submit} noValidate className="grid gap-4">
        <Field
          label="Title"
          name="title"
          defaultValue={task.title}
          maxLength={200}
          required
          error={missing ? 'Please give the task a title.' : undefined}
        />
        <TextArea
          label="Description"
          name="description"
          defaultValue={task.description ?? ''}
          maxLength={1000}
          rows={5}
        />
        <div className="mt-2 flex justify-end gap-2">
          <Button variant="secondary" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit">Save</Button>
        </div>
      </form>
    </Dialog>
  );
}

export function DeleteDialog({ userId, task, focusAfterwards, onDelete, onClose }: Props & { onDelete: () => void }) {
  const remove = useDeleteTask(userId);

  function confirm() {
    onDelete();
    remove(task);
    onClose();
  }

  return (
    <Dialog
      alert
      title="Delete this task?"
      description={`“${task.title}” will be gone for good.`}
      focusAfterwards={focusAfterwards}
      onClose={onClose}
    >
      <div className="flex justify-end gap-2">
        <Button variant="secondary" onClick={onClose}>
          Cancel
        </Button>
        <Button variant="danger" onClick={confirm}>
          Delete
        </Button>
      </div>
    </Dialog>
  );
}
