namespace OrleansGateway.Grains.Contracts.Accounts;

/// <summary>What an account's grain answers: every answer tells the epoch that it was given in.</summary>
public interface IAccountAnswer
{
    /// <summary>The activation's epoch; 0 for none.</summary>
    long Epoch { get; }
}
