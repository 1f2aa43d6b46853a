namespace OrleansGateway.Tests.Simulation.Mutants;

/// <summary>Bugs in epochs, batches, flights and leases, and in what answers mean.</summary>
internal static class MessageMutants
{
    private const string Administration = "Grains/Accounts/Administration.cs";
    private const string Clock = "Grains/Accounts/ActivationClock.cs";
    private const string Journal = "Ledger/Journal.cs";
    private const string Leases = "Grains/Accounts/LeaseWatch.cs";
    private const string Loop = "Grains/Accounts/BatchLoop.cs";
    private const string Operation = "Grains/Accounts/Operation.cs";
    private const string Settlements = "Edge/Accounting/Settlements.cs";

    private const string Authority =
        "    public bool HasAuthority => Now < _authorityEnd && IsFresh && databaseLock.TimesTaken == _confirmed.LockTaken;";

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
            Loop,
            FencedFails,
            """
                        if (operation is CloseHold)
                        {
                            operation.Committed();
                        }
                        else if (!result.Existing.Any(operation.IsAlready))
                        {
                            operation.Fail();
                        }
            """,
            "rule 3"),

        // The same for an order, which is then never credited.
        new(
            "epoch not checked on credit",
            Loop,
            FencedFails,
            """
                        if (operation is MoveMoney)
                        {
                            operation.Committed();
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
            "rule 2", "rule 5", "rule 7", "rule 8")
        {
            From = 85,
        },

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
                    catch (LedgerLostException)
                    {
                        foreach (var submission in flight)
                        {
                            var found = await FindOwnEntriesAsync(submission, sentAt) ?? [];
                            var outcome = found.Length == submission.Batch.Entries.Length ? BatchOutcome.Applied : BatchOutcome.Fenced;
                            submission.Answer(outcome, sentAt, submission.Batch.Epoch, found);
                        }

                        return;
            """,
            "rule 3", "rule 5", "rule 8"),

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
            "FindEntriesAsync(accountId, [new EntryRef(request.Kind, request.Ref)], CancellationToken.None)",
            "FindEntriesAsync(accountId, [.. Enum.GetValues<EntryKind>().Select(k => new EntryRef(k, request.Ref))], CancellationToken.None)",
            "rule 3", "rule 4"),

        // The lease takes away the hold whose settlement, or renewal, has arrived meanwhile.
        new(
            "lease end racing the real settlement",
            Leases,
            "if (!book.IsOpen(hold) || hold.LeaseEnd > clock.Now || turns.IsBusy(hold.Id) || loop.IsGivingBack)",
            "if (book.Find(hold.Id) is null || hold.LeaseEnd > clock.Now || turns is null)",
            "rule 3", "rule 5", "rule 8", "limits", "stuck"),

        // Nothing shows that its ticket arrived: a request that was refused gets a row, and one that lives is told that it is closed.
        new(
            "a never-renewed hold charged",
            Leases,
            "        if (hold.IsRenewed)",
            "        if (hold.Total != 0)",
            "rule 3", "rule 8"),

        // A twin whose reserve has become another's goes on giving it out.
        new(
            "authority that never ends",
            Clock,
            Authority,
            "    public bool HasAuthority => _authorityEnd > TimeSpan.Zero;",
            "rule 5", "rule 6", "rule 8"),

        // It wakes as a twin whose time has stood, and gives out what has become another's.
        new(
            "authority by the clock that stood",
            Clock,
            Authority,
            "    public bool HasAuthority => Now < _authorityEnd && databaseLock.TimesTaken == _confirmed.LockTaken;",
            "rule 5", "rule 6", "rule 8")
        {
            From = 15,
        },

        // Another gateway had the lock meanwhile and has freed what this one had set aside.
        new(
            "authority from before the lock was lost",
            Clock,
            Authority,
            "    public bool HasAuthority => Now < _authorityEnd && IsFresh;",
            "rule 5", "rule 8")
        {
            From = 40,
        },

        // After a lease it admits nobody any more.
        new(
            "authority that nothing prolongs",
            Clock,
            "        if (end >= _authorityEnd)",
            "        if (_authorityEnd == TimeSpan.Zero)",
            "unserved"),

        // A hold that could not be looked for is presented again too late.
        new(
            "a failed look that puts nothing off",
            Clock,
            "        if (_quarantineEnd is { } end)",
            "        if (_quarantineEnd is { } end && _looking < 0)",
            "rule 8")
        {
            From = 470,
        },

        // A renewal that was there in time counts once the ledger has answered, and the lease ends meanwhile.
        new(
            "a renewal that counts only with authority",
            "Grains/Accounts/RunningHolds.cs",
            "        hold?.Renew(item, clock.Now, options.Lease);",
            """
                    if (clock.HasAuthority)
                    {
                        hold?.Renew(item, clock.Now, options.Lease);
                    }
            """,
            "rule 8")
        {
            From = 85,
        },

        // The time that the ledger was away counts against holds whose renewals were there.
        new(
            "leases that end in quarantine",
            Leases,
            "        if (!clock.IsInQuarantine)",
            "        if (clock.HasAuthority)",
            "rule 8")
        {
            From = 25,
        },

        // A response is completed though its hold was charged at its progress, or is not charged yet.
        new(
            "the last byte on any answer",
            Settlements,
            "if (await first is { Outcome: SettleOutcome.Committed } committed)",
            "if (await first is { } committed)",
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
            "            case ExtendOutcome.Closed:",
            """
                        case ExtendOutcome.Refused:
                            Extended(Wanted(wantsLittle));
                            break;
                        case ExtendOutcome.Closed:
            """,
            "rule 5", "rule 8"),

        // A hold counts with another's total, and a response is completed on another's commit.
        new(
            "answers of one call given to each other's messages",
            "Edge/Accounting/Batcher.cs",
            "i < answered ? (true, answers[i])",
            "i < answered ? (true, answers[^(i + 1)])",
            "rule 3", "rule 5", "rule 8"),
    ];
}
