using System.Collections.Immutable;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Ledger;
using OrleansGateway.Tests.Shared.Ledger;
using OrleansGateway.Tests.Simulation.Audit;
using OrleansGateway.Tests.Simulation.Faults;
using OrleansGateway.Tests.Simulation.Machine;

namespace OrleansGateway.Tests.Simulation.Cluster;

/// <summary>The database's server, a process of its own: a statement takes its way there, runs, whoever still waits for it, and its answer comes back.</summary>
internal sealed class SimulatedDatabase
{
    /// <summary>How long a client waits before it takes the connection for broken.</summary>
    private static readonly TimeSpan CommandTimeout = TimeSpan.FromSeconds(10);

    private readonly SimulatedMachine _machine;
    private readonly Random _random;
    private readonly FaultDice _faults;
    private readonly Auditor _auditor;
    private readonly Trace _trace;
    private readonly SimulatedProcess _server;
    private readonly LedgerModel _model;
    private TaskCompletionSource _thawed = Done();

    /// <summary>Raised by each crash: what had not run by then never does.</summary>
    private int _life;

    public SimulatedDatabase(SimulatedMachine machine, Random random, FaultDice faults, Auditor auditor, Trace trace)
    {
        (_machine, _random, _faults, _auditor, _trace) = (machine, random, faults, auditor, trace);
        _server = new SimulatedProcess(machine, "database");
        _model = new LedgerModel
        {
            BeforeLook = call =>
            {
                // What left others out is committed; the look at these is another transaction, and sees what comes between.
                Audit(call.Batches.Select(static batch => batch.AccountId));
                return Latency();
            },
        };
    }

    public bool IsAway { get; private set; }

    public ILedger Connect(SimulatedProcess client) => new Connection(this, client);

    /// <summary>Gone at once: what runs is lost, what comes is turned away.</summary>
    public void Crash()
    {
        _life++;
        IsAway = true;
        _trace.Add("database", $"crashes");
    }

    public void Freeze()
    {
        if (_thawed.Task.IsCompleted)
        {
            _thawed = new TaskCompletionSource();
            _trace.Add("database", $"freezes");
        }
    }

    /// <summary>There again, and going on.</summary>
    public void Heal()
    {
        if (IsAway || !_thawed.Task.IsCompleted)
        {
            _trace.Add("database", $"is there again");
        }

        IsAway = false;
        _thawed.TrySetResult();
    }

    private static TaskCompletionSource Done()
    {
        var done = new TaskCompletionSource();
        done.SetResult();
        return done;
    }

    private void Audit(IEnumerable<string> accountIds) =>
        _auditor.AfterStatement(_model.Accounts.Where(account => accountIds.Contains(account.Row.AccountId)));

    private Task Latency() => Task.Delay(TimeSpan.FromMicroseconds(_random.Next(100, 8000)), _machine.Clock);

    /// <summary>One try of one statement, as its client sees it.</summary>
    private Task<T> CallAsync<T>(SimulatedProcess client, Statement statement, Func<Task<T>> transaction, CancellationToken cancellationToken)
    {
        // Completed in a step of the server: who awaits it is queued where it belongs.
        var answer = new TaskCompletionSource<T>();
        _ = _server.Start(() => RunAsync(client, statement, transaction, answer));
        return answer.Task.WaitAsync(cancellationToken);
    }

    private async Task RunAsync<T>(SimulatedProcess client, Statement statement, Func<Task<T>> transaction, TaskCompletionSource<T> answer)
    {
        var life = _life;
        var isLate = _faults.Strikes(FaultKind.StatementLate);
        var isFailing = _faults.Strikes(FaultKind.StatementFails);
        var isAnswerLost = _faults.Strikes(FaultKind.StatementAnswerLost);
        var lateness = isLate ? _faults.Length(0.1, 60) : TimeSpan.Zero;
        await Latency();
        if (IsAway || isFailing)
        {
            Lose(statement, answer, "never runs");
            return;
        }

        if (isLate || !_thawed.Task.IsCompleted)
        {
            _ = _server.Start(() => GiveUpAsync(statement, answer, isLate ? TimeSpan.Zero : CommandTimeout));
            await _thawed.Task;
            await Task.Delay(lateness, _machine.Clock);
            await _thawed.Task;
        }

        if (life != _life || IsAway)
        {
            Lose(statement, answer, "never runs");
            return;
        }

        T result;
        try
        {
            result = await transaction();
        }
        catch (LedgerDataException refused)
        {
            _trace.Add("database", $"{statement.Text} refused: {refused.Message}");
            await Latency();
            answer.TrySetException(refused);
            return;
        }

        _trace.Add("database", $"{statement.Text} of {client.Name}{(answer.Task.IsCompleted ? ", late" : "")}");
        Audit(statement.Accounts);
        await Latency();
        if (isAnswerLost || life != _life || IsAway)
        {
            Lose(statement, answer, "ran, its answer is lost");
        }
        else
        {
            answer.TrySetResult(result);
        }
    }

    private async Task GiveUpAsync<T>(Statement statement, TaskCompletionSource<T> answer, TimeSpan patience)
    {
        await Task.Delay(patience, _machine.Clock);
        Lose(statement, answer, "is given up");
    }

    private void Lose<T>(Statement statement, TaskCompletionSource<T> answer, string how)
    {
        if (answer.TrySetException(new LedgerLostException("the connection broke")))
        {
            _trace.Add("database", $"{statement.Text} {how}");
        }
    }

    private sealed record Statement(string Text, params string[] Accounts);

    private async Task<ImmutableArray<BatchAnswer>> CommitAsync(SimulatedProcess client, ImmutableArray<AccountBatch> batches)
    {
        var sentAt = _machine.Clock.Now;
        foreach (var batch in batches)
        {
            _auditor.Trying(batch);
        }

        var text = _trace.IsKept ? $"commit {string.Join(' ', batches.Select(TextOf))}" : "";
        var answers = await CallAsync(
            client,
            new Statement(text, [.. batches.Select(static batch => batch.AccountId)]),
            () => _model.CommitAsync(batches, CancellationToken.None),
            CancellationToken.None);
        for (var i = 0; i < batches.Length; i++)
        {
            _auditor.Answered(batches[i], answers[i], sentAt);
        }

        return answers;
    }

    private static string TextOf(AccountBatch batch)
    {
        var entries = string.Join(' ', batch.Entries.Select(static e => $"{e.Kind} {e.Ref} {e.Amount}"));
        return batch.IsReadOnly ? $"[{batch.AccountId} {batch.Epoch}/{batch.Version} read]"
            : $"[{batch.AccountId} {batch.Epoch}/{batch.Version} r{batch.ReservedDelta:+#;-#;0} q{batch.QuarantinedDelta:+#;-#;0} {entries}]";
    }

    private sealed class Connection(SimulatedDatabase database, SimulatedProcess client) : ILedger
    {
        public Task CreateAccountAsync(string accountId, string name, RateLimits limits, DateTimeOffset at, CancellationToken cancellationToken) =>
            database.CallAsync(
                client,
                new Statement($"create {accountId}", accountId),
                async () =>
                {
                    await database._model.CreateAccountAsync(accountId, name, limits, at, CancellationToken.None);
                    return true;
                },
                cancellationToken);

        public Task<ActivatedAccount?> ActivateAsync(
            string accountId, string activationId, string processId, DateTimeOffset at, CancellationToken cancellationToken) =>
            database.CallAsync(
                client,
                new Statement($"activate {accountId}", accountId),
                async () =>
                {
                    var activated = await database._model.ActivateAsync(accountId, activationId, processId, at, CancellationToken.None);
                    if (activated is not null)
                    {
                        database._auditor.Activating(accountId, activated.Account.Epoch, client);
                    }

                    return activated;
                },
                cancellationToken);

        public Task<ImmutableArray<BatchAnswer>> CommitAsync(ImmutableArray<AccountBatch> batches, CancellationToken cancellationToken) =>
            database.CommitAsync(client, batches);

        public Task<ImmutableArray<LedgerEntry>> FindEntriesAsync(
            string accountId, ImmutableArray<EntryRef> refs, CancellationToken cancellationToken) =>
            database.CallAsync(
                client,
                new Statement($"find {accountId} {string.Join(' ', refs.Select(static r => r.Ref))}"),
                () => database._model.FindEntriesAsync(accountId, refs, CancellationToken.None),
                cancellationToken);

        public Task<IdempotencyRow?> FindIdempotencyAsync(string accountId, string key, CancellationToken cancellationToken) =>
            database.CallAsync(
                client,
                new Statement($"find {accountId} idempotency {key}"),
                () => database._model.FindIdempotencyAsync(accountId, key, CancellationToken.None),
                cancellationToken);
    }
}
