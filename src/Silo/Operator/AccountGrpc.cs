using Grpc.Core;
using OrleansGateway.Operations;
using OrleansGateway.Operator.Contracts;
using static OrleansGateway.Silo.Operator.ProtoValues;
using AccountStatus = OrleansGateway.Grains.Contracts.Accounts.AccountStatus;
using EntryKind = OrleansGateway.Grains.Contracts.Accounts.EntryKind;
using ProtoAccount = OrleansGateway.Operator.Contracts.Account;

namespace OrleansGateway.Silo.Operator;

/// <summary>Accounts as their rows stand, which takes the database alone.</summary>
internal class StoredAccountGrpc(ReportOperations reports) : AccountService.AccountServiceBase
{
    public override async Task<ProtoAccount> GetAccount(GetAccountRequest request, ServerCallContext context) =>
        (await reports.AccountAsync(context.Actor(), request.AccountId, context.CancellationToken)).OrThrow().ToProto();

    public sealed override async Task<ListAccountsResponse> ListAccounts(ListAccountsRequest request, ServerCallContext context)
    {
        var filter = new AccountFilter(Read<AccountStatus>(request.Status, "status"), Read(request.Search));
        var page = (await reports.AccountsAsync(context.Actor(), filter, Page(request.PageSize, request.PageToken), context.CancellationToken)).OrThrow();
        return new ListAccountsResponse { Accounts = { page.Rows.Select(row => row.ToProto()) }, NextPageToken = page.NextToken };
    }
}

/// <summary>Where people reach the site; empty where there is none.</summary>
internal sealed record SiteAddress(string Url)
{
    public static SiteAddress Of(IConfiguration configuration) => new(configuration["Site:Url"]?.TrimEnd('/') ?? "");
}

/// <summary>The service of accounts.</summary>
internal sealed class AccountGrpc(AccountOperations accounts, ReportOperations reports, OwnerOperations owners, SiteAddress site)
    : StoredAccountGrpc(reports)
{
    public override async Task<ProtoAccount> CreateAccount(CreateAccountRequest request, ServerCallContext context) =>
        (await accounts.CreateAsync(context.Actor(), request.RequestId, request.AccountId, request.Name, Read(request.Limits), context.CancellationToken))
        .OrThrow().ToProto();

    public override async Task<ProtoAccount> GetAccount(GetAccountRequest request, ServerCallContext context) =>
        (await accounts.GetAsync(context.Actor(), request.AccountId)).OrThrow().ToProto();

    public override async Task<ProtoAccount> UpdateAccount(UpdateAccountRequest request, ServerCallContext context) =>
        (await accounts.UpdateAsync(
            context.Actor(), request.RequestId, request.AccountId, Read(request.Limits), request.UpdateMask?.Paths ?? [], context.CancellationToken))
        .OrThrow().ToProto();

    public override async Task<ProtoAccount> SetAccountStatus(SetAccountStatusRequest request, ServerCallContext context) =>
        (await accounts.SetStatusAsync(
            context.Actor(), request.RequestId, request.AccountId, Read<AccountStatus>(request.Status, "status"), context.CancellationToken))
        .OrThrow().ToProto();

    public override async Task<MoveMoneyResponse> MoveMoney(MoveMoneyRequest request, ServerCallContext context) =>
        (await accounts.MoveAsync(
            context.Actor(),
            request.RequestId,
            request.AccountId,
            Read<EntryKind>(request.Kind, "kind"),
            request.Ref,
            request.AmountNanos,
            context.CancellationToken)).OrThrow().ToProto();

    public override async Task<CreateOwnerLinkResponse> CreateOwnerLink(CreateOwnerLinkRequest request, ServerCallContext context)
    {
        var link = (await owners.CreateLinkAsync(context.Actor(), request.RequestId, request.AccountId, context.CancellationToken)).OrThrow();
        return new CreateOwnerLinkResponse
        {
            AccountId = link.AccountId,
            Url = link.Token is null ? "" : $"{site.Url}/claim?token={link.Token}",
            ExpiresAt = Google.Protobuf.WellKnownTypes.Timestamp.FromDateTimeOffset(link.ExpiresAt),
        };
    }

    public override async Task<AttachPersonResponse> AttachPerson(AttachPersonRequest request, ServerCallContext context)
    {
        var ownership = (await owners.AttachAsync(context.Actor(), request.RequestId, request.AccountId, request.Email, context.CancellationToken)).OrThrow();
        return new AttachPersonResponse { AccountId = ownership.AccountId, PersonId = ownership.PersonId.ToString() };
    }
}
