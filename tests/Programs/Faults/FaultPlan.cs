using System.Globalization;
using OrleansGateway.Tests.Programs.Gateway;

namespace OrleansGateway.Tests.Programs.Faults;

/// <summary>What runs under faults have in common.</summary>
internal static class FaultPlan
{
    /// <summary>Each has a request open nearly all the time; two cores bear them, since most of the time they wait for tokens.</summary>
    public const int Clients = 300;

    /// <summary>Decides what clients do and the moments of faults; <c>FAULT_SEED</c> sets another.</summary>
    public static int Seed => Setting("FAULT_SEED", 1);

    /// <summary>How often a scenario repeats its faults; <c>FAULT_ROUNDS</c> multiplies it for a longer run.</summary>
    public static int Rounds(int usual) => usual * Setting("FAULT_ROUNDS", 1);

    /// <summary>How long the database is away while memory is watched; <c>FAULT_ABSENCE</c> sets another length, seconds.</summary>
    public static TimeSpan Absence => TimeSpan.FromSeconds(Setting("FAULT_ABSENCE", 120));

    /// <summary>Makes accounts with a key each: two that never end, one that pays what it gets, and poor ones whose money ends under way.</summary>
    /// <param name="times">How many of each kind.</param>
    public static async Task<IReadOnlyList<Customer>> CreateCustomersAsync(OperatorClient operatorApi, int times = 1)
    {
        (string Usd, int Weight, bool IsRich)[] accounts =
            [("100", 12, true), ("50", 6, true), ("0.001", 3, false), ("0.0005", 2, false), ("0.0002", 1, false), ("0.00005", 1, false)];
        var customers = new List<Customer>();
        foreach (var (usd, weight, isRich) in Enumerable.Repeat(accounts, times).SelectMany(kinds => kinds))
        {
            customers.Add(await CreateCustomerAsync(operatorApi, usd) with { Weight = weight, IsRich = isRich });
        }

        return customers;
    }

    /// <summary>Makes an account with a key.</summary>
    public static async Task<Customer> CreateCustomerAsync(OperatorClient operatorApi, string usd)
    {
        var account = await operatorApi.CreateAccountAsync(usd);
        return new Customer(account, await operatorApi.CreateKeyAsync(account), 1);
    }

    /// <summary>Counts the requests of these accounts that are not settled yet.</summary>
    public static async Task<int> OpenHoldsAsync(OperatorClient operatorApi, IReadOnlyList<Customer> customers)
    {
        var open = 0;
        foreach (var customer in customers)
        {
            open += (await operatorApi.GetAccountAsync(customer.Account)).OpenHolds;
        }

        return open;
    }

    private static int Setting(string name, int usual) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : usual;
}
