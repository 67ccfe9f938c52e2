import {
  type InfiniteData,
  keepPreviousData,
  type QueryClient,
  useInfiniteQuery,
  useMutation,
  useQueryClient,
} from '@tanstack/react-query';
import { toast } from 'sonner';
import { api, explain, isUnavailable, ok, type Task } from '@/lib/api';
import { SessionExpired } from '@/lib/token';

export type Status = 'all' | 'pending' | 'completed';
export type Filter = { status: Status; q: string };
type Page = { tasks: Task[]; total: number; next: string | undefined };

const PAGE = 50;

/** The user's tasks, newest first, page by page. */
export function useTasks(userId: string, { status, q }: Filter) {
  return useInfiniteQuery({
    queryKey: ['tasks', userId, { status, q }],
    queryFn: async ({ pageParam, signal }): Promise<Page> => {
      const query = { status, limit: PAGE, count: true, ...(q && { q }), ...(pageParam && { cursor: pageParam }) };
      const { data, headers } = await ok(
        api.GET('/api/{user_id}/tasks', { params: { path: { user_id: userId }, query }, signal }),
      );
      return { tasks: data, total: Number(headers.get('X-Total-Count') ?? data.length), next: nextCursor(headers) };
    },
    initialPageParam: '',
    getNextPageParam: (page) => page.next,
    placeholderData: keepPreviousData,
    // Retries, so that the page recovers when the server does.
    refetchInterval: (query) => query.state.error !== null && isUnavailable(query.state.error) && 5_000,
  });
}

/** Returns the cursor of the next page, from `Link: <?…&cursor=…>; rel="next"`. */
function nextCursor(headers: Headers): string | undefined {
  const query = headers.get('Link')?.match(/<\?([^>]*)>;\s*rel="next"/)?.[1];
  return new URLSearchParams(query).get('cursor') ?? undefined;
}

export type Draft = { title: string; description: string | null };

/** A task that has not been sent yet. */
export const isDraft = (task: Task) => task.id < 0;

export function useAddTask(userId: string, onFailure: (draft: Draft) => void) {
  return useTaskMutation<Draft, Task>(userId, {
    send: async (draft) =>
      (await ok(api.POST('/api/{user_id}/tasks', { params: { path: { user_id: userId } }, body: draft }))).data,
    // Displayed immediately, and replaced by the server's task.
    foresee: (draft, lists) => {
      const now = new Date().toISOString();
      const id = -Date.now();
      lists.put({ ...draft, id, user_id: userId, completed: false, created_at: now, updated_at: now });
      return () => lists.drop(id);
    },
    done: (task, lists, forget) => {
      forget();
      lists.put(task);
    },
    failed: onFailure,
    failure: ({ title }) => `“${title}” was not added`,
  });
}

export function useUpdateTask(userId: string) {
  return useTaskMutation<{ task: Task; draft: Draft }, Task>(userId, {
    send: async ({ task, draft }) =>
      (await ok(api.PATCH('/api/{user_id}/tasks/{task_id}', { params: pathOf(task), body: draft }))).data,
    foresee: ({ task, draft }, lists) => lists.put({ ...task, ...draft }),
    done: (task, lists) => lists.put(task),
    failure: ({ task }) => `“${task.title}” was not changed`,
  });
}

export function useCompleteTask(userId: string) {
  return useTaskMutation<{ task: Task; completed: boolean }, Task>(userId, {
    send: async ({ task, completed }) =>
      (await ok(api.PATCH('/api/{user_id}/tasks/{task_id}/complete', { params: pathOf(task), body: { completed } })))
        .data,
    foresee: ({ task, completed }, lists) => lists.put({ ...task, completed }),
    done: (task, lists) => lists.put(task),
    failure: ({ task }) => `“${task.title}” was not changed`,
  });
}

export function useDeleteTask(userId: string) {
  return useTaskMutation<Task, void>(userId, {
    send: async (task) => {
      await ok(api.DELETE('/api/{user_id}/tasks/{task_id}', { params: pathOf(task) }));
    },
    foresee: (task, lists) => lists.drop(task.id),
    failure: ({ title }) => `“${title}” was not deleted`,
  });
}

const pathOf = (task: Task) => ({ path: { user_id: task.user_id, task_id: task.id } });

type Change<Variables, Result> = {
  send: (variables: Variables) => Promise<Result>;
  /** Changes the lists as the server will, and returns a function that undoes it. */
  foresee: (variables: Variables, lists: Lists) => () => void;
  done?: (result: Result, lists: Lists, undo: () => void) => void;
  failed?: (variables: Variables) => void;
  /** The message if the server refuses the change. */
  failure: (variables: Variables) => string;
};

/** A change that is displayed immediately, and undone if the server refuses it. Changes are sent one at a time. */
function useTaskMutation<Variables, Result>(userId: string, change: Change<Variables, Result>) {
  const queryClient = useQueryClient();
  const queryKey = ['tasks', userId];
  const lists = new Lists(queryClient, queryKey);
  const mutation = useMutation<Result, Error, Variables, () => void>({
    mutationKey: queryKey,
    scope: { id: 'tasks' },
    mutationFn: change.send,
    onMutate: async (variables) => {
      await queryClient.cancelQueries({ queryKey });
      return change.foresee(variables, lists);
    },
    onSuccess: (result, _, undo) => change.done?.(result, lists, undo),
    onError: (error, variables, undo) => {
      undo?.();
      change.failed?.(variables);
      if (error instanceof SessionExpired) return;
      toast.error(change.failure(variables), {
        description: explain(error),
        ...(isUnavailable(error) &&
          !change.failed && { action: { label: 'Try again', onClick: () => mutation.mutate(variables) } }),
      });
    },
    // Reload from the server, once no other change is pending.
    onSettled: () => {
      if (queryClient.isMutating({ mutationKey: queryKey }) === 1) void queryClient.invalidateQueries({ queryKey });
    },
  });
  return mutation.mutate;
}

/** All loaded lists of the user, with any filter. */
class Lists {
  constructor(
    private readonly queryClient: QueryClient,
    private readonly queryKey: string[],
  ) {}

  /** Inserts a task at its position, or replaces the one with its id. Returns a function that undoes it. */
  put(task: Task): () => void {
    const before = this.find(task.id);
    this.edit((tasks, filter) => {
      if (!matches(task, filter)) return tasks.filter(({ id }) => id !== task.id);
      if (tasks.some(({ id }) => id === task.id)) return tasks.map((other) => (other.id === task.id ? task : other));
      return [...tasks, task].sort(newestFirst);
    });
    return () => (before ? this.put(before) : this.drop(task.id));
  }

  /** Removes a task. Returns a function that undoes it. */
  drop(id: number): () => void {
    const before = this.find(id);
    this.edit((tasks) => tasks.filter((task) => task.id !== id));
    return () => before && this.put(before);
  }

  private find(id: number): Task | undefined {
    return this.all()
      .flatMap(([, data]) => data?.pages ?? [])
      .flatMap((page) => page.tasks)
      .find((task) => task.id === id);
  }

  private edit(change: (tasks: Task[], filter: Filter) => Task[]) {
    for (const [key, data] of this.all()) {
      if (!data) continue;
      const sizes = data.pages.map((page) => page.tasks.length);
      const before = data.pages.flatMap((page) => page.tasks);
      const after = change(before, key[2] as Filter);
      const pages = data.pages.map((page, index) => {
        const start = sizes.slice(0, index).reduce((sum, size) => sum + size, 0);
        const end = index === sizes.length - 1 ? after.length : start + (sizes[index] ?? 0);
        return { ...page, tasks: after.slice(start, end), total: page.total + after.length - before.length };
      });
      this.queryClient.setQueryData(key, { ...data, pages });
    }
  }

  private all() {
    return this.queryClient.getQueriesData<InfiniteData<Page>>({ queryKey: this.queryKey });
  }
}

/** Filters and searches like the server: only A to Z match in both cases. */
function matches(task: Task, { status, q }: Filter): boolean {
  const fold = (text: string) => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  const found = [task.title, task.description ?? ''].some((text) => fold(text).includes(fold(q)));
  return found && (status === 'all' || task.completed === (status === 'completed'));
}

const newestFirst = (a: Task, b: Task) => b.created_at.localeCompare(a.created_at) || b.id - a.id;
