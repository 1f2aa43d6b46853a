using OrleansGateway.Ledger;
using OrleansGateway.Tests.Shared.Ledger;

namespace OrleansGateway.Tests.Integration.Ledger.Model;

/// <summary>The model and PostgreSQL are not equal.</summary>
internal sealed class DisagreementException(string message) : Exception(message);

/// <summary>
/// One seed's operations, made on both. The model takes them one by one, in the order in which they took effect on the server;
/// after each, answers and all rows must be equal.
/// </summary>
/// <param name="seed">Decides everything.</param>
/// <param name="postgres">Must have no rows.</param>
/// <param name="model">Must have no rows.</param>
/// <param name="modelsLedger">Through which the model is called: itself, unless something is to be wrong with it.</param>
/// <param name="tally">Counts.</param>
internal sealed class Sequence(int seed, TwoSessions postgres, LedgerModel model, ILedger modelsLedger, Tally tally)
{
    /// <summary>What becomes of a first try that was held.</summary>
    private static readonly string[] Ends = ["committed", "committed", "committed", "cancelled", "cancelled", "its backend ended"];

    private readonly Random _random = new(seed);
    private int _step;

    public async Task RunAsync(int steps)
    {
        var draws = new OperationDraws(_random, model);
        for (_step = 1; _step <= steps; _step++)
        {
            var operation = draws.Next();
            if (!operation.IsRead && _step > 2 && _random.Next(100) < 50)
            {
                await InterleaveAsync(operation, draws);
            }
            else
            {
                await AloneAsync(operation, _random.Next(2) == 0 ? postgres.First : postgres.Second);
            }

            draws.Remember();
        }
    }

    /// <summary>Makes one operation while nothing else runs.</summary>
    public async Task AloneAsync(Operation operation, ILedger session)
    {
        await CompareAsync(operation, await operation.AnswerAsync(session));
        await CompareRowsAsync();
    }

    /// <summary>
    /// Holds a first operation at its commit and makes reads and a second one beside it. If one of them waits for the
    /// first, it is the last, and takes effect after that has ended one way or another, else before.
    /// </summary>
    private async Task InterleaveAsync(Operation first, OperationDraws draws)
    {
        await postgres.CloseGateAsync(TwoSessions.FirstName);
        var firstAnswer = first.AnswerAsync(postgres.First);
        Task<string>? secondAnswer = null;
        try
        {
            if (!await postgres.WaitsAsync(TwoSessions.FirstName, firstAnswer))
            {
                await CompareAsync(first, await firstAnswer);
                await CompareRowsAsync();
                return;
            }

            tally.Add("held at its commit");
            for (var reads = _random.Next(3); reads > 0; reads--)
            {
                tally.Add("read beside one that is held");
                var read = draws.Read(first);
                (secondAnswer, var waits) = await BesideAsync(read);
                if (waits)
                {
                    tally.Add("read waits for one that is held");
                    await EndAsync(first, firstAnswer, read, secondAnswer, isBlocked: true);
                    return;
                }

                await CompareAsync(read, await secondAnswer);
                await CompareRowsAsync();
            }

            var second = draws.Next(running: first);
            (secondAnswer, var isBlocked) = await BesideAsync(second);
            if (!isBlocked)
            {
                tally.Add("answered beside one that is held");
                await CompareAsync(second, await secondAnswer);
            }

            await EndAsync(first, firstAnswer, second, secondAnswer, isBlocked);
        }
        finally
        {
            await postgres.OpenGateAsync(TwoSessions.FirstName);
            await postgres.OpenGateAsync(TwoSessions.SecondName);
            await firstAnswer;
            await (secondAnswer ?? firstAnswer);
        }

        async Task<(Task<string> Answer, bool Waits)> BesideAsync(Operation beside)
        {
            var answer = beside.AnswerAsync(postgres.Second);
            return (answer, await postgres.WaitsAsync(TwoSessions.SecondName, answer));
        }
    }

    /// <summary>Ends the first one, and the second one if it waits for it.</summary>
    private async Task EndAsync(Operation first, Task<string> firstAnswer, Operation second, Task<string> secondAnswer, bool isBlocked)
    {
        // Of a flight that waits in its look, what was not left out is there already; it tells of the rest what the first one leaves.
        var isLooking = isBlocked && await postgres.LooksAsync(TwoSessions.SecondName, secondAnswer);
        if (!isLooking)
        {
            await CompareRowsAsync();
        }

        var end = Ends[_random.Next(Ends.Length)];
        tally.Add($"{(isBlocked ? second == first ? "blocked resend" : "blocked other" : "nothing blocked")}, first {end}");
        if (isBlocked && !isLooking)
        {
            // Else its commit could pass between the first one's commit and its look at the rows that it left out.
            await postgres.CloseGateAsync(TwoSessions.SecondName);
        }

        await EndFirstAsync(first, firstAnswer, end, mayLook: isBlocked && !isLooking);
        if (!isLooking && postgres.IsClosed(TwoSessions.SecondName) == isBlocked)
        {
            await CompareRowsAsync();
        }

        await postgres.OpenGateAsync(TwoSessions.SecondName);
        if (isBlocked)
        {
            await CompareAsync(second, await secondAnswer);
            await CompareRowsAsync();
        }
    }

    /// <param name="mayLook">Whether the first one's look may wait for what the second one, which has waited for it, has locked by then.</param>
    private async Task EndFirstAsync(Operation first, Task<string> answer, string end, bool mayLook)
    {
        if (end == "committed")
        {
            await postgres.OpenGateAsync(TwoSessions.FirstName);
            if (mayLook && await postgres.LooksAsync(TwoSessions.FirstName, answer))
            {
                // It tells of what the second one leaves.
                tally.Add("looks at what the other has locked");
                await CompareRowsAfterAsync(first);
                await postgres.OpenGateAsync(TwoSessions.SecondName);
                await answer;
                return;
            }

            await CompareAsync(first, await answer);
            return;
        }

        await (end == "cancelled" ? postgres.CancelFirstAsync() : postgres.TerminateFirstAsync());
        if (!(await answer).StartsWith(Operation.Lost, StringComparison.Ordinal))
        {
            throw Disagreement($"{first}\nwas rolled back", "an answer that is lost", await answer);
        }
    }

    private async Task CompareAsync(Operation operation, string answer)
    {
        var expected = await operation.AnswerAsync(modelsLedger);
        if (answer != expected)
        {
            throw Disagreement(operation.ToString(), expected, answer);
        }

        tally.Answered(operation, answer);
    }

    private async Task CompareRowsAfterAsync(Operation operation)
    {
        await operation.AnswerAsync(modelsLedger);
        await CompareRowsAsync();
    }

    private async Task CompareRowsAsync()
    {
        var expected = ModelRows.Of(model);
        var rows = await postgres.RowsAsync();
        if (!rows.SequenceEqual(expected))
        {
            throw Disagreement(
                "Rows after it", string.Join('\n', expected.Except(rows)), string.Join('\n', rows.Except(expected)));
        }
    }

    private DisagreementException Disagreement(string what, string expected, string found) =>
        new($"Seed {seed}, step {_step}: {what}\nThe model: {expected}\nPostgreSQL: {found}");
}
