import { Pencil, Trash2 } from 'lucide-react';
import { Button } from '@/components/ui/button';
import { Checkbox } from '@/components/ui/checkbox';
import type { Task } from '@/lib/api';
import { cn } from '@/lib/cn';
import { isDraft } from '@/lib/tasks';

type Props = { task: Task; onComplete: (completed: boolean) => void; onEdit: () => void; onDelete: () => void };

export const rowId = (task: Task) => `task-${task.id}`;

const date = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

export function TaskItem({ task, onComplete, onEdit, onDelete }: Props) {
  const id = rowId(task);
  const saving = isDraft(task);
  return (
    <li id={id} aria-busy={saving} className="flex gap-3.5 p-4">
      <Checkbox
        id={`${id}-done`}
        checked={task.completed}
        disabled={saving}
        onCheckedChange={(checked) => onComplete(checked === true)}
      />
      <div className="min-w-0 grow">
        <label
          htmlFor={`${id}-done`}
          className={cn('block font-medium wrap-anywhere', task.completed && 'text-muted line-through')}
        >
          {task.title}
        </label>
        {task.description && (
          <p className="mt-0.5 text-sm wrap-anywhere whitespace-pre-wrap text-muted">{task.description}</p>
        )}
        <p className="mt-1 text-xs text-muted">
          {saving ? 'Saving…' : <time dateTime={task.created_at}>{date.format(new Date(task.created_at))}</time>}
        </p>
      </div>
      <div className="-my-1.5 -mr-2 flex">
        <Button variant="ghost" size="icon" aria-label={`Edit “${task.title}”`} disabled={saving} onClick={onEdit}>
          <Pencil aria-hidden className="size-4" />
        </Button>
        <Button variant="ghost" size="icon" aria-label={`Delete “${task.title}”`} disabled={saving} onClick={onDelete}>
          <Trash2 aria-hidden className="size-4" />
        </Button>
      </div>
    </li>
  );
}
