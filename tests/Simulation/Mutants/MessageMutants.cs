using static OrleansGateway.Tests.Simulation.Mutants.Mutant;

namespace OrleansGateway.Tests.Simulation.Mutants;

/// <summary>Bugs in epochs, flights and leases, and in what answers mean.</summary>
internal static class MessageMutants
{
    private const string Administration = "Grains/Accounts/AccountGrain.Administration.cs";
    private const string Flights = "Grains/Accounts/AccountGrain.Flights.cs";
    private const string Grain = "Grains/Accounts/AccountGrain.cs";
    private const string Journal = "Ledger/Journal.cs";
    private const string Leases = "Grains/Accounts/AccountGrain.Leases.cs";
    private const string Operation = "Grains/Accounts/Operation.cs";
    private const string Settlements = "Edge/Accounting/Settlements.cs";

    /// <summary>Where an activation that was fenced answers what it had sent and what is not in the ledger.</summary>
    private const string FencedFails =
        """
                    if (!result.Existing.Any(operation.IsAlready))
                    {
                        operation.Fail();
                    }
        """;

    public static readonly Mutant[] All =
    [
        // A fenced activation says that what it sent is done: a response is completed without its row.
        new(
            "epoch not checked on settle",
            Flights,
            FencedFails,
            """
                        if (operation is CloseHold)
                        {
                            operation.Land();
                        }
                        else if (!result.Existing.Any(operation.IsAlready))
                        {
                            operation.Fail();
                        }
            """,
            "rule 3", Alarm),

        // The same for an order, which is then never credited.
        new(
            "epoch not checked on credit",
            Flights,
            FencedFails,
            """
                        if (operation is MoveMoney)
                        {
                            operation.Land();
                        }
                        else if (!result.Existing.Any(operation.IsAlready))
                        {
                            operation.Fail();
                        }
            """,
            "rule 4"),

        // Told that the row has moved on, which its own lost try did, it writes on top of that.
        new(
            "a resent flight applied twice",
            Journal,
            """
                        else
                        {
                            await ResolveAsync(flight[i], answers[i], sentAt);
                        }
            """,
            """
                        else if (answers[i].Epoch == batches[i].Epoch && answers[i].Version > batches[i].Version)
                        {
                            var again = new Submission(batches[i] with
                            {
                                Version = answers[i].Version,
                                ReservedAfter = batches[i].ReservedAfter + batches[i].ReservedDelta,
                                QuarantinedAfter = batches[i].QuarantinedAfter + batches[i].QuarantinedDelta,
                            });
                            await CommitAsync([again]);
                            flight[i].Result.SetResult(await again.Result.Task);
                        }
                        else
                        {
                            await ResolveAsync(flight[i], answers[i], sentAt);
                        }
            """,
            "rule 2", "rule 5", "rule 7", "rule 8", Alarm),

        // It misses what commits a moment later; and a block, which has no ref, is taken for committed though it is not.
        new(
            "a plain re-read after a lost answer",
            Journal,
            """
                        answers = await UntilAnsweredAsync(() =>
                        {
                            sentAt = _time.GetTimestamp();
                            return _ledger.CommitAsync(batches, CancellationToken.None);
                        });
            """,
            """
                        sentAt = _time.GetTimestamp();
                        answers = await _ledger.CommitAsync(batches, CancellationToken.None);
                    }
                    catch (Exception lost) when (lost is not LedgerDataException)
                    {
                        foreach (var submission in flight)
                        {
                            var found = await FindOwnEntriesAsync(submission.Batch);
                            var outcome = found.Length == submission.Batch.Entries.Length ? BatchOutcome.Applied : BatchOutcome.Fenced;
                            submission.Answer(outcome, sentAt, submission.Batch.Epoch, found);
                        }

                        return;
            """,
            "rule 3", "rule 5", "rule 8", Alarm),

        // A fence, or the database away, keeps the row from being written after the answer.
        new(
            "`Committed` before the commit",
            Operation,
            "        _outcome = new ClosedHold(By, charge, Cost - charge);",
            """
                    _outcome = new ClosedHold(By, charge, Cost - charge);
                    _closed.TrySetResult(_outcome);
            """,
            "rule 3"),

        // The charge of a hold has the hold's id as ref, and so has what is paid back of it.
        new(
            "ref compared without kind",
            Administration,
            "FindEntriesAsync(_id, [new EntryRef(request.Kind, request.Ref)], CancellationToken.None)",
            "FindEntriesAsync(_id, [.. Enum.GetValues<EntryKind>().Select(k => new EntryRef(k, request.Ref))], CancellationToken.None)",
            "rule 3", "rule 4"),

        // The lease takes away the hold whose settlement, or renewal, has arrived meanwhile.
        new(
            "lease end racing the real settlement",
            Leases,
            """
                    var isOpen = hold.Closing is null && _holds.ContainsKey(hold.Id);

                    // A message about the hold that is here shows that its edge lives: its answer starts the lease afresh, or settles.
                    if (!isOpen || hold.LeaseEnd > Now || _turns.IsBusy(hold.Id))
            """,
            "        if (!_holds.ContainsKey(hold.Id) || hold.LeaseEnd > Now)",
            "rule 3", "rule 5", "rule 8", Alarm),

        // Nothing shows that its ticket arrived: a request that was refused gets a row, and one that lives is told that it is closed.
        new(
            "a never-renewed hold charged",
            Leases,
            "        if (!hold.IsRenewed)",
            "        if (hold.Total == 0)",
            "rule 3", "rule 8"),

        // A twin whose reserve has become another's goes on giving it out.
        new(
            "authority that never ends",
            Grain,
            "    private bool HasAuthority => Now < _authorityEnd;",
            "    private bool HasAuthority => _authorityEnd > TimeSpan.Zero;",
            "rule 5", "rule 6", "rule 8"),

        // A response is completed though its hold was charged at its progress, or is not charged yet.
        new(
            "the last byte on any answer",
            Settlements,
            "if (first is { Outcome: SettleOutcome.Committed })",
            "if (first is not null)",
            "rule 3"),

        // A whole answer whose first try to settle found no answer is completed, and paid back all the same.
        new(
            "a completed response paid back",
            Settlements,
            "if (!isCommitted && !end.ClientGotOutput && answer.ChargedNanos > 0)",
            "if (!end.ClientGotOutput && answer.ChargedNanos > 0)",
            "rule 3"),

        // The stream goes on without money: its shortfall is within what the edge counts as held.
        new(
            "a refused Extend taken as granted",
            "Edge/Accounting/HoldSession.cs",
            """
                            case ExtendOutcome.Refused when wantsLittle:
                                Refused();
            """,
            """
                            case ExtendOutcome.Refused when wantsLittle:
                                Extended(wanted);
            """,
            "rule 5", "rule 8"),

        // A hold counts with another's total, and a response is completed on another's commit.
        new(
            "answers of one call given to each other's messages",
            "Edge/Accounting/Lane.cs",
            "i < answered ? (true, answers[i])",
            "i < answered ? (true, answers[^(i + 1)])",
            "rule 3", "rule 5", "rule 8", Alarm),
    ];
}
