using Orleans;
using Orleans.Runtime;
using OrleansGateway.Grains.Contracts.Accounts;
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
    public IGrainFactory For(SimulatedProcess from, SimulatedSilo? own) => new Factory(this, from, own);

    private Task<TAnswer> SendAsync<TAnswer>(
        SimulatedProcess from, SimulatedSilo? own, string accountId, object message, Func<IAccountGrain, Task<TAnswer>> call)
    {
        auditor.Sent(message);
        if (own is not null)
        {
            return AskAsync(own, accountId, message, call);
        }

        var answer = new TaskCompletionSource<TAnswer>();
        _ = _wire.Start(() => CarryAsync(from, accountId, message, call, answer, TimeSpan.Zero));
        if (faults.Strikes(FaultKind.MessageDoubled))
        {
            _ = _wire.Start(() => CarryAsync(from, accountId, message, call, answer, faults.Length(0, 40)));
        }

        return answer.Task;
    }

    private async Task CarryAsync<TAnswer>(
        SimulatedProcess from, string accountId, object message, Func<IAccountGrain, Task<TAnswer>> call, TaskCompletionSource<TAnswer> answer, TimeSpan late)
    {
        var isLost = faults.Strikes(FaultKind.RequestLost);
        var isAnswerLost = faults.Strikes(FaultKind.AnswerLost);
        await Latency(late);
        if (isLost)
        {
            trace.Add(from.Name, $"{message.GetType().Name} to {accountId} is lost");
            return;
        }

        try
        {
            var result = await AskAsync(directory.Find(from, accountId), accountId, message, call);
            await Latency();
            if (isAnswerLost)
            {
                trace.Add(from.Name, $"answer to {message.GetType().Name} of {accountId} is lost");
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

    private async Task<TAnswer> AskAsync<TAnswer>(
        SimulatedSilo? silo, string accountId, object message, Func<IAccountGrain, Task<TAnswer>> call)
    {
        if (silo is null)
        {
            throw new SiloUnavailableException("No silo is there.");
        }

        var pending = auditor.Delivered(silo, accountId, message);
        try
        {
            var answer = await call(silo.Grain(accountId));
            auditor.Answered(pending, answer!);
            return answer;
        }
        finally
        {
            Auditor.Ended(pending);
        }
    }

    private Task Latency(TimeSpan late = default)
    {
        var time = late + TimeSpan.FromMicroseconds(random.Next(50, 4000));
        time += faults.Strikes(FaultKind.MessageDelayed) ? faults.Length(0.05, 3) : default;
        time += faults.Strikes(FaultKind.MessageOverdue) ? faults.Length(2, 40) : default;
        return Task.Delay(time, machine.Clock);
    }

    private sealed class Factory(SimulatedNetwork network, SimulatedProcess from, SimulatedSilo? own) : IGrainFactory
    {
        public TGrainInterface GetGrain<TGrainInterface>(string primaryKey, string? grainClassNamePrefix = null)
            where TGrainInterface : IGrainWithStringKey => (TGrainInterface)(object)new RemoteAccount(network, from, own, primaryKey);
    }

    /// <summary>What an edge has of an account: a name to send messages to.</summary>
    private sealed class RemoteAccount(SimulatedNetwork network, SimulatedProcess from, SimulatedSilo? own, string id) : IAccountGrain
    {
        public Task<AdmitAnswer> AdmitAsync(AdmitRequest request) => SendAsync(request, grain => grain.AdmitAsync(request));

        public Task<KeyAnswer> FindKeyAsync(FindKeyRequest request) => SendAsync(request, grain => grain.FindKeyAsync(request));

        public Task<ExtendAnswer> ExtendAsync(ExtendRequest request) => SendAsync(request, grain => grain.ExtendAsync(request));

        public Task<RenewAnswer> RenewAsync(RenewRequest request) => SendAsync(request, grain => grain.RenewAsync(request));

        public Task<SettleAnswer> SettleAsync(SettleRequest request) => SendAsync(request, grain => grain.SettleAsync(request));

        public Task<MoveAnswer> MoveAsync(MoveRequest request) => SendAsync(request, grain => grain.MoveAsync(request));

        public Task<ChangeAnswer> CreateAsync(CreateRequest request) => SendAsync(request, grain => grain.CreateAsync(request));

        public Task<ChangeAnswer> SetKeyAsync(SetKeyRequest request) => SendAsync(request, grain => grain.SetKeyAsync(request));

        public Task<ChangeAnswer> SetStatusAsync(SetStatusRequest request) => SendAsync(request, grain => grain.SetStatusAsync(request));

        public Task<AccountView?> ShowAsync() => SendAsync("show", static grain => grain.ShowAsync());

        private Task<TAnswer> SendAsync<TAnswer>(object message, Func<IAccountGrain, Task<TAnswer>> call) =>
            network.SendAsync(from, own, id, message, call);
    }
}
