using System.Collections.Immutable;
using Orleans.Runtime;
using OrleansGateway.Edge;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Tests.Simulation.Audit;
using OrleansGateway.Tests.Simulation.Faults;
using OrleansGateway.Tests.Simulation.Machine;

namespace OrleansGateway.Tests.Simulation.Cluster;

/// <summary>Carries messages between edges and accounts' grains, which the directory finds; each takes a time of its own, so they overtake each other.</summary>
internal sealed class SimulatedNetwork(
    SimulatedMachine machine, SimulatedDirectory directory, Random random, FaultDice faults, Auditor auditor, Trace trace)
{
    private readonly SimulatedProcess _wire = new(machine, "network");

    /// <summary>The way from an edge to all accounts.</summary>
    /// <param name="from">Its process.</param>
    /// <param name="own">The silo of the same process, which alone is asked then, and without a wire between; null in a cluster.</param>
    public IGrains For(SimulatedProcess from, SimulatedSilo? own) => new EdgeGrains(this, directory, from, own);

    /// <summary>Carries what one call holds, a message or several, which arrive together or not at all.</summary>
    private Task<ImmutableArray<TAnswer>> SendAsync<TMessage, TAnswer>(
        SimulatedProcess from, SimulatedSilo? own, string accountId, ImmutableArray<TMessage> messages, Func<IAccountGrain, Task<ImmutableArray<TAnswer>>> call)
        where TMessage : class
    {
        auditor.Sent(messages);
        if (own is not null)
        {
            return AskAsync(own, accountId, messages, call);
        }

        var answer = new TaskCompletionSource<ImmutableArray<TAnswer>>();
        _ = _wire.Start(() => CarryAsync(from, accountId, messages, call, answer, TimeSpan.Zero));
        if (faults.Strikes(FaultKind.MessageDoubled))
        {
            _ = _wire.Start(() => CarryAsync(from, accountId, messages, call, answer, faults.Length(0, 40)));
        }

        return answer.Task;
    }

    private async Task CarryAsync<TMessage, TAnswer>(
        SimulatedProcess from,
        string accountId,
        ImmutableArray<TMessage> messages,
        Func<IAccountGrain, Task<ImmutableArray<TAnswer>>> call,
        TaskCompletionSource<ImmutableArray<TAnswer>> answer,
        TimeSpan late)
        where TMessage : class
    {
        var isLost = faults.Strikes(FaultKind.RequestLost);
        var isAnswerLost = faults.Strikes(FaultKind.AnswerLost);
        await Latency(late);
        if (isLost)
        {
            trace.Add(from.Name, $"{messages.Length} {messages[0].GetType().Name} to {accountId} lost");
            return;
        }

        try
        {
            var result = await AskAsync(directory.Find(from, accountId), accountId, messages, call);
            await Latency();
            if (isAnswerLost)
            {
                trace.Add(from.Name, $"answer to {messages.Length} {messages[0].GetType().Name} of {accountId} lost");
            }
            else
            {
                answer.TrySetResult(result);
            }
        }
        catch (Exception exception)
        {
            await Latency();
            if (!isAnswerLost)
            {
                answer.TrySetException(exception);
            }
        }
    }

    private async Task<ImmutableArray<TAnswer>> AskAsync<TMessage, TAnswer>(
        SimulatedSilo? silo, string accountId, ImmutableArray<TMessage> messages, Func<IAccountGrain, Task<ImmutableArray<TAnswer>>> call)
        where TMessage : class
    {
        if (silo is null)
        {
            throw new SiloUnavailableException("No silo is there.");
        }

        var pending = ImmutableArray.CreateRange(messages, message => auditor.Delivered(silo, accountId, message));
        try
        {
            var answers = await call(silo.Grain(accountId));
            foreach (var (one, answer) in pending.Zip(answers))
            {
                auditor.Answered(one, answer);
            }

            return answers;
        }
        catch (Exception exception)
        {
            auditor.Swallowed(exception);
            throw;
        }
        finally
        {
            foreach (var one in pending)
            {
                auditor.Ended(one);
            }
        }
    }

    private Task Latency(TimeSpan late = default)
    {
        var time = late + TimeSpan.FromMicroseconds(random.Next(50, 4000));
        time += faults.Strikes(FaultKind.MessageDelayed) ? faults.Length(0.05, 3) : default;
        time += faults.Strikes(FaultKind.MessageOverdue) ? faults.Length(2, 40) : default;
        return Task.Delay(time, machine.Clock);
    }

    private sealed class EdgeGrains(SimulatedNetwork network, SimulatedDirectory directory, SimulatedProcess from, SimulatedSilo? own) : IGrains
    {
        public bool IsUp => !AreRemote || directory.IsUp;

        public bool AreRemote => own is null;

        public ICatalogGrain Catalog => throw new NotSupportedException();

        public IAccountGrain Account(string accountId) => new RemoteAccount(network, from, own, accountId);
    }

    /// <summary>What an edge has of an account: a name to send messages to.</summary>
    private sealed class RemoteAccount(SimulatedNetwork network, SimulatedProcess from, SimulatedSilo? own, string id) : IAccountGrain
    {
        public Task<AdmitAnswer> AdmitAsync(AdmitRequest request) => SendAsync(request, grain => grain.AdmitAsync(request));

        public Task<ImmutableArray<AdmitAnswer?>> AdmitManyAsync(ImmutableArray<AdmitRequest> requests) =>
            network.SendAsync(from, own, id, requests, grain => grain.AdmitManyAsync(requests));

        public Task<KeyAnswer> FindKeyAsync(FindKeyRequest request) => SendAsync(request, grain => grain.FindKeyAsync(request));

        public Task<ExtendAnswer> ExtendAsync(ExtendRequest request) => SendAsync(request, grain => grain.ExtendAsync(request));

        public Task<RenewAnswer> RenewAsync(RenewRequest request) => SendAsync(request, grain => grain.RenewAsync(request));

        public Task<SettleAnswer> SettleAsync(SettleRequest request) => SendAsync(request, grain => grain.SettleAsync(request));

        public Task<ImmutableArray<SettleAnswer>> SettleManyAsync(ImmutableArray<SettleRequest> requests) =>
            network.SendAsync(from, own, id, requests, grain => grain.SettleManyAsync(requests));

        public Task<MoveAnswer> MoveAsync(MoveRequest request) => SendAsync(request, grain => grain.MoveAsync(request));

        public Task<ChangeAnswer> CreateAsync(CreateRequest request) => SendAsync(request, grain => grain.CreateAsync(request));

        public Task<ChangeAnswer> SetKeyAsync(SetKeyRequest request) => SendAsync(request, grain => grain.SetKeyAsync(request));

        public Task<ChangeAnswer> SetStatusAsync(SetStatusRequest request) => SendAsync(request, grain => grain.SetStatusAsync(request));

        public Task<AccountView?> ShowAsync() => SendAsync("show", static grain => grain.ShowAsync());

        private async Task<TAnswer> SendAsync<TAnswer>(object message, Func<IAccountGrain, Task<TAnswer>> call) =>
            (await network.SendAsync(from, own, id, [message], async grain => ImmutableArray.Create(await call(grain))))[0];
    }
}
